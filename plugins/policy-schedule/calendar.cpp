#include "plugins/policy-schedule/calendar.hpp"

#include <algorithm>
#include <charconv>

namespace neonvm::policy_schedule {
namespace {

constexpr std::int64_t week_seconds = std::int64_t{week_minutes} * 60;
constexpr std::string_view day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<int> parse_int(std::string_view text, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

// "8:30" as minutes; the hours up to `most_hours`.
std::optional<int> parse_clock(std::string_view text, int most_hours) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || text.size() - colon != 3) return std::nullopt;
  const auto hours = parse_int(text.substr(0, colon), most_hours);
  const auto minutes = parse_int(text.substr(colon + 1), 59);
  if (!hours || !minutes) return std::nullopt;
  return *hours * 60 + *minutes;
}

std::optional<int> parse_day(std::string_view text) {
  for (int day = 0; day < 7; ++day) {
    if (day_names[day] == text) return day;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> parse_offset(std::string_view text) {
  if (text == "Z" || text == "UTC") return 0;
  if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto minutes = parse_clock(text.substr(1), 14);
  if (!minutes || *minutes > 14 * 60) return std::nullopt;
  return text[0] == '-' ? -*minutes : *minutes;
}

std::optional<int> parse_time_of_day(std::string_view text) {
  const auto minutes = parse_clock(text, 24);
  return minutes && *minutes <= day_minutes ? minutes : std::nullopt;
}

std::optional<std::uint8_t> parse_days(std::string_view text) {
  if (text == "daily") return std::uint8_t{0x7f};
  unsigned days = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find_first_of(",+"));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t dash = part.find('-');
    const auto first = parse_day(part.substr(0, dash));
    const auto last = dash == part.npos ? first : parse_day(part.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    for (int day = *first;; day = (day + 1) % 7) {
      days |= 1u << day;
      if (day == *last) break;
    }
  }
  if (days == 0) return std::nullopt;
  return static_cast<std::uint8_t>(days);
}

std::int64_t second_of_week(std::int64_t wall_seconds, int offset_minutes) {
  // 1970-01-01 was a Thursday.
  constexpr std::int64_t first = 3 * std::int64_t{day_minutes} * 60;
  const std::int64_t second = wall_seconds % week_seconds + first + std::int64_t{offset_minutes} * 60;
  return (second % week_seconds + week_seconds) % week_seconds;
}

bool Span::holds(std::int64_t second_of_week) const {
  const auto day = static_cast<int>(second_of_week / 60 / day_minutes);
  const auto minute = static_cast<int>(second_of_week / 60 % day_minutes);
  const auto has = [&](int d) { return (days >> ((d + 7) % 7) & 1) != 0; };
  if (from < to) return has(day) && minute >= from && minute < to;
  return (has(day) && minute >= from) || (has(day - 1) && minute < to);
}

std::int64_t Span::until_change(std::int64_t second_of_week) const {
  const bool now = holds(second_of_week);
  // Nothing changes but at from and to, so these are all the moments to look at.
  std::int64_t soonest = week_seconds;
  for (std::int64_t day = 0; day <= 7; ++day) {
    for (const int minute : {from, to, 0}) {
      const std::int64_t today = second_of_week - second_of_week % (std::int64_t{day_minutes} * 60);
      const std::int64_t wait = today + (day * day_minutes + minute) * 60 - second_of_week;
      if (wait > 0 && wait < soonest && holds((second_of_week + wait) % week_seconds) != now) soonest = wait;
    }
  }
  return soonest;
}

}  // namespace neonvm::policy_schedule
