#include "core/runtime/log_text.hpp"

#include <algorithm>
#include <array>

#include "core/model/shown_text.hpp"

namespace neonvm::runtime {

namespace {

constexpr std::string_view hex = "0123456789abcdef";

void append_escape(std::string& out, char c) {
  switch (c) {
    case '\n': out += "\\n"; return;
    case '\t': out += "\\t"; return;
    case '\r': out += "\\r"; return;
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    default:
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
  }
}

// Bytes of the UTF-8 character that `text` begins with; 0: none does. RFC 3629: no overlong forms, no surrogates.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                   (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return bad ? 0 : length;
}

void append_json(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (is_control(text[0]) || text[0] == '"' || text[0] == '\\') {
      append_escape(out, text[0]);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_plain(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_control(c)) append_escape(out, c);
    else out += c;
  }
}

void append_value(std::string& out, std::string_view value) {
  const auto odd = [](char c) { return is_control(c) || c == ' ' || c == '"' || c == '\\' || c == '='; };
  if (!value.empty() && std::none_of(value.begin(), value.end(), odd)) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (is_control(c) || c == '"' || c == '\\') append_escape(out, c);
    else out += c;
  }
  out += '"';
}

}  // namespace

std::string log_text(std::string_view room, std::string_view message, std::initializer_list<Field> fields) {
  std::string out(room);
  out += ": ";
  append_plain(out, message);
  for (const Field& field : fields) {
    out += ' ';
    append_plain(out, field.key);
    out += '=';
    append_value(out, field.value);
  }
  return out;
}

std::string log_members(std::string_view room, std::string_view message, std::initializer_list<Field> fields) {
  std::string out = "\"room\":";
  append_json(out, room);
  out += ",\"message\":";
  append_json(out, message);
  for (const Field& field : fields) {
    out += ',';
    append_json(out, field.key);
    out += ':';
    append_json(out, field.value);
  }
  return out;
}

}  // namespace neonvm::runtime
