#include "core/wire/go_duration.hpp"

#include <cmath>

namespace neonvm::wire {
namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};
// Longer names before those that they begin with.
constexpr Unit units[] = {{"ns", 1},  {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3},
                          {"ms", 1e6}, {"h", 3600e9}, {"m", 60e9},      {"s", 1e9}};
constexpr double longest = 9.2e18;  // nanoseconds in a Duration

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "12" or "1.5" or ".5"; none when there is no digit.
std::optional<double> take_number(std::string_view& text) {
  double whole = 0, place = 1;
  bool digits = false;
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), digits = true) whole = whole * 10 + (text[0] - '0');
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1), digits = true) whole += (text[0] - '0') * (place /= 10);
  }
  return digits ? std::optional(whole) : std::nullopt;
}

}  // namespace

std::optional<Duration> parse_go_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const Unit* unit = nullptr;
    for (const Unit& each : units) {
      if (unit == nullptr && text.starts_with(each.name)) unit = &each;
    }
    if (!number || unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    sum += *number * unit->nanoseconds;
    if (!(sum < longest)) return std::nullopt;
  }
  const auto count = static_cast<std::int64_t>(std::llround(sum));
  return Duration(negative ? -count : count);
}

std::string go_duration(Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  const std::string end = std::to_string(seconds % 60) + "s";
  if (seconds < 60) return end;
  const std::string minutes = std::to_string(seconds / 60 % 60) + "m" + end;
  return seconds < 3600 ? minutes : std::to_string(seconds / 3600) + "h" + minutes;
}

}  // namespace neonvm::wire
