#include "core/decide/clock.hpp"

#include <algorithm>
#include <cstdio>

namespace neonvm::decide {
namespace {

// A slew that is this long is gentle; larger offsets take longer at the highest rate.
constexpr Duration gentle = std::chrono::seconds(10);
constexpr int highest_rate = 500;
constexpr int rate_unit = 10'000;

std::string in_words(Duration amount) {
  char text[48];
  if (amount < std::chrono::seconds(1)) std::snprintf(text, sizeof text, "%.0f ms", seconds(amount) * 1000);
  else std::snprintf(text, sizeof text, "%.2f s", seconds(amount));
  return text;
}

ClockCorrection slew(Duration by, Duration size) {
  ClockCorrection correction;
  correction.means = ClockMeans::slew;
  correction.by = by;
  const double wanted = seconds(size) / seconds(gentle) * rate_unit;
  const int rate = std::clamp(static_cast<int>(wanted) + 1, 1, highest_rate);
  correction.rate = by > Duration::zero() ? rate : -rate;
  const double share = static_cast<double>(correction.rate) / rate_unit;
  correction.takes = from_seconds(seconds(by) / share * (1 + share));
  correction.why = std::string("runs ") + (by > Duration::zero() ? "faster" : "slower") + " for " + in_words(correction.takes) +
                   " to be right: it is " + in_words(size) + (by > Duration::zero() ? " behind" : " ahead");
  return correction;
}

}  // namespace

ClockOffset best_offset(std::span<const ClockSample> samples) {
  const ClockSample& best = *std::min_element(samples.begin(), samples.end(), [](const ClockSample& a, const ClockSample& b) {
    return a.round_trip < b.round_trip;
  });
  return {best.asked + best.round_trip / 2 - best.guest, best.round_trip / 2};
}

ClockCorrection correct_clock(const ClockOffset& offset) {
  const bool behind = offset.behind > Duration::zero();
  // A broken host may say anything: the smallest number has no positive of its own.
  const Duration size = behind ? offset.behind : offset.behind == Duration::min() ? Duration::max() : -offset.behind;
  if (size <= std::max(offset.error, clock_tolerance)) return {};
  ClockCorrection correction;
  if (size <= (behind ? most_slewed_forward : most_slewed_back)) {
    correction = slew(offset.behind, size);
  } else {
    correction.means = ClockMeans::set;
    correction.by = offset.behind;
    correction.warning = !behind;
    correction.why = std::string("set ") + (behind ? "forward by " : "back by ") + in_words(size);
  }
  correction.worth_telling = size > worth_telling;
  return correction;
}

}  // namespace neonvm::decide
