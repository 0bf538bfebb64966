#include "core/policy/line.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace neonvm::policy {
namespace {

constexpr double powers[] = {1, 10, 1e2, 1e3, 1e4, 1e5, 1e6};
constexpr int most_places = 6;
constexpr double largest_plain = 1e12;  // times the largest power it still fits a 64-bit integer

// Places behind the point that leave so many significant digits; -1: too small for plain writing.
int places_for(double value, int digits) {
  int before = 0;
  while (before < digits && value >= powers[std::min(before, most_places)]) ++before;
  int places = digits - before;
  if (before == 0) {
    for (double small = 0.1; value < small && places <= most_places; small /= 10) ++places;
  }
  return places <= most_places ? places : -1;
}

}  // namespace

Line& Line::operator<<(std::string_view text) {
  const std::size_t count = std::min(text.size(), most - length_);
  std::memcpy(text_ + length_, text.data(), count);
  length_ += count;
  return *this;
}

Line& Line::operator<<(std::uint64_t value) {
  if (length_ == most) return *this;
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
}

Line& Line::operator<<(std::int64_t value) {
  if (length_ == most) return *this;
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return *this << std::string_view(digits, static_cast<std::size_t>(end - digits));
}

Line& Line::operator<<(Figure figure) {
  if (length_ == most) return *this;
  const double size = std::abs(figure.value);
  const int places = size == 0 ? 0 : places_for(size, figure.digits);
  if (places >= 0 && size < largest_plain) {
    put_point_number(figure.value, places, true);
    return *this;
  }
  char text[32];  // tiny, huge, NaN, infinite: rare
  std::snprintf(text, sizeof text, "%.*g", figure.digits, figure.value);
  return *this << text;
}

Line& Line::operator<<(Decimals decimals) {
  if (length_ == most) return *this;
  if (std::abs(decimals.value) < largest_plain) {
    put_point_number(decimals.value, std::clamp(decimals.places, 0, most_places), false);
    return *this;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", decimals.value);
  return *this << text;
}

// REQUIRES |value| < largest_plain, 0 <= places <= most_places.
void Line::put_point_number(double value, int places, bool strip) {
  const auto scale = static_cast<std::uint64_t>(powers[places]);
  const auto scaled = static_cast<std::uint64_t>(std::abs(value) * powers[places] + 0.5);
  if (value < 0 && scaled != 0) *this << "-";
  *this << scaled / scale;
  std::uint64_t fraction = scaled % scale;
  if (strip) {
    if (fraction == 0) return;
    while (fraction % 10 == 0) fraction /= 10, --places;
  }
  if (places == 0) return;
  char digits[most_places + 1];
  digits[0] = '.';
  for (int i = places; i > 0; --i, fraction /= 10) digits[i] = static_cast<char>('0' + fraction % 10);
  *this << std::string_view(digits, static_cast<std::size_t>(places) + 1);
}

}  // namespace neonvm::policy
