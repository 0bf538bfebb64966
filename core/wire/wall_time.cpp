#include "core/wire/wall_time.hpp"

#include <cstdio>

namespace neonvm::wire {
namespace {

using std::chrono::milliseconds;

constexpr WallTime first_time{std::chrono::sys_days{std::chrono::year{1} / 1 / 1}};
constexpr WallTime end_of_times{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1}};

// Takes what it recognises from the front of a text; once something did not fit, nothing fits any more.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= rest_.size() || rest_[i] < '0' || rest_[i] > '9') return fail();
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!take(c)) fail();
  }

  bool next_is_digit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool finished() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;

  int fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
};

milliseconds scan_fraction(Scanner& scan) {
  if (!scan.take('.')) return milliseconds{0};
  int value = scan.digits(1) * 100;
  if (scan.next_is_digit()) value += scan.digits(1) * 10;
  if (scan.next_is_digit()) value += scan.digits(1);
  while (scan.next_is_digit()) scan.digits(1);  // finer than we keep
  return milliseconds{value};
}

std::chrono::minutes scan_offset(Scanner& scan) {
  if (scan.take('Z') || scan.take('z')) return {};
  const bool west = scan.take('-');
  if (!west) scan.expect('+');
  const int hours = scan.digits(2);
  scan.expect(':');
  const int minutes = hours * 60 + scan.digits(2);
  return std::chrono::minutes{west ? -minutes : minutes};
}

}  // namespace

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string all = text;
  const auto rest = static_cast<int>(clock.subseconds().count());
  if (rest != 0) {
    std::snprintf(text, sizeof text, ".%03d", rest);
    all += text;
  }
  return all + "Z";
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  Scanner scan(text);
  const int year = scan.digits(4);
  scan.expect('-');
  const int month = scan.digits(2);
  scan.expect('-');
  const int day = scan.digits(2);
  if (!scan.take('T')) scan.expect('t');
  const int hour = scan.digits(2);
  scan.expect(':');
  const int minute = scan.digits(2);
  scan.expect(':');
  const int second = scan.digits(2);
  const milliseconds fraction = scan_fraction(scan);
  const std::chrono::minutes offset = scan_offset(scan);
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!scan.finished() || year == 0 || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const WallTime time{std::chrono::sys_days{date}.time_since_epoch() + std::chrono::hours{hour} +
                      std::chrono::minutes{minute} + std::chrono::seconds{second} + fraction - offset};
  if (time < first_time || time >= end_of_times) return std::nullopt;  // an offset may lead out of four digits
  return time;
}

}  // namespace neonvm::wire
