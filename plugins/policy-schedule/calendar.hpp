// calendar: minutes of the week, and the spans in them that a rule holds.
//
// Called by rule and schedule_policy. Pure. The week begins on Monday, 00:00, at a fixed offset from UTC: a policy reads
// no time zone database, so it knows no summer time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace neonvm::policy_schedule {

constexpr int day_minutes = 24 * 60;
constexpr int week_minutes = 7 * day_minutes;

// "+02:00", "-3:30", "Z", "UTC": minutes ahead of UTC, at most 14 hours. None: it is none of these.
std::optional<int> parse_offset(std::string_view text);
// "08:30": 0 .. 1440 (24:00).
std::optional<int> parse_time_of_day(std::string_view text);
// "mon-fri", "sat+sun" or "sat,sun", "fri-mon", "daily": bit 0 is Monday.
std::optional<std::uint8_t> parse_days(std::string_view text);

// Seconds into the week.
std::int64_t second_of_week(std::int64_t wall_seconds, int offset_minutes);

// Each of `days` from `from` to `to`; a `to` that is not later than `from` lies on the next day.
struct Span {
  std::uint8_t days = 0x7f;
  int from = 0;              // minutes of the day
  int to = day_minutes;

  [[nodiscard]] bool holds(std::int64_t second_of_week) const;
  // Seconds until holds() changes; a week when it never does.
  [[nodiscard]] std::int64_t until_change(std::int64_t second_of_week) const;
};

}  // namespace neonvm::policy_schedule
