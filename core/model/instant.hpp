// Instant, Duration, WallTime: time is always passed in. Pure rooms (decide, policies) never read a clock.
//
// Instant is monotonic (CLOCK_MONOTONIC on Linux: stops during suspend, never goes back). WallTime is for people and
// for what is stored; it may jump and nothing is decided by subtracting two of them.
#pragma once

#include <chrono>

namespace neonvm {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

// The moment by which a blocking call answers, with Code::deadline_exceeded if it must.
using Deadline = Instant;

constexpr double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }
constexpr Duration from_seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

}  // namespace neonvm
