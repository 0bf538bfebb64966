// text_fields: the few ways in which the kernel's text files are cut into words and numbers.
//
// Called by guest only. Pure, no allocation, no locale (strtod would ask for one). Failure: an empty optional.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace neonvm::guest {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

constexpr std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts the first word off `rest`; empty at the end.
constexpr std::string_view next_word(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  std::size_t length = 0;
  while (length < rest.size() && !is_blank(rest[length])) ++length;
  const std::string_view word = rest.substr(0, length);
  rest.remove_prefix(length);
  return word;
}

// Cuts the first line off `rest`, without its newline.
constexpr std::string_view next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

template <typename Number>
std::optional<Number> whole_number(std::string_view word) {
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return number;
}

// "0.52"; never negative here, no exponent.
inline std::optional<double> decimal_number(std::string_view word) {
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || end != word.data() + word.size() || !(number >= 0 && number < 1e18)) return std::nullopt;
  return number;
}

}  // namespace neonvm::guest
