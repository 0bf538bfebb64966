#include "vm-builder/in_quotes.hpp"

#include <cstdint>

namespace neonvm::builder {
namespace {

constexpr std::size_t longest = 200;

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

// Bytes of the well-formed sequence at the beginning of `text`; 0: none.
std::size_t sequence(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return size;
}

void append_escaped(std::string& to, char c) {
  constexpr const char* digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\n') {
    to += "\\n";
  } else if (c == '"' || c == '\\') {
    to += {'\\', c};
  } else {
    to += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string in_quotes(std::string_view name) {
  std::string text = "\"";
  while (!name.empty() && text.size() <= longest) {
    const std::size_t size = sequence(name);
    const bool plain = size > 1 || (size == 1 && name[0] >= ' ' && name[0] != 0x7f && name[0] != '"' && name[0] != '\\');
    if (plain) {
      text += name.substr(0, size);
    } else {
      append_escaped(text, name[0]);
    }
    name.remove_prefix(plain ? size : 1);
  }
  return text + (name.empty() ? "\"" : "…\"");
}

}  // namespace neonvm::builder
