// Clock: how far a guest's clock is off, and how it is put right.
//
// Called by daemon/guest_clock (the host's end: measuring) and guest/clock_keeper (the guest's: correcting). Pure.
//
// Who wins: the guest follows the host's wall clock, always. How:
//  - Less than can be told from the way there and back, or than 2 ms: left alone.
//  - Behind by up to 100 ms: runs a little faster until it is right (slewed).
//  - Behind by more: set at once. The guest did not run in that time (a pause, a migration), or the host was set; every
//    program has to live with that anyway, and a database sees it as a long wait.
//  - Ahead by up to 5 s: runs slower until it is right, by 5 % at most: time never goes back for what databases and caches
//    order by it.
//  - Ahead by more: set back at once, as a warning; to wait it out would take minutes in which every date is wrong.
// What is more than 0.5 s, either way, is told in an event.
//
// Laws: after a correction the clock is right to the step of the kernel's rate (0.01 %); it is set back only when it was ahead by
// more than `most_slewed_back`; a slew ends within `longest_slew`.
#pragma once

#include <span>
#include <string>

#include "core/model/instant.hpp"

namespace neonvm::decide {

constexpr Duration clock_tolerance = std::chrono::milliseconds(2);
constexpr Duration most_slewed_forward = std::chrono::milliseconds(100);
constexpr Duration most_slewed_back = std::chrono::seconds(5);
constexpr Duration worth_telling = std::chrono::milliseconds(500);
constexpr Duration longest_slew = std::chrono::seconds(120);

// One question for the guest's time. Times of the wall as nanoseconds since 1970.
struct ClockSample {
  Duration asked{};        // the host's wall clock when the question left
  Duration round_trip{};   // by the host's monotonic clock
  Duration guest{};        // what the guest answered
};

struct ClockOffset {
  Duration behind{};       // the guest's clock; negative: it is ahead
  Duration error{};        // so much can be wrong with that
};
// The one that came back quickest says it best. REQUIRES at least one.
ClockOffset best_offset(std::span<const ClockSample> samples);

enum class ClockMeans { none, slew, set };
struct ClockCorrection {
  ClockMeans means = ClockMeans::none;
  Duration by{};           // forward if positive
  int rate = 0;            // slew: parts in 10,000 by which the clock runs faster (slower: negative), at most 500
  Duration takes{};        // slew: so long, by the guest's own clocks, which run at that rate too
  bool worth_telling = false;
  bool warning = false;    // told as one: time went back
  std::string why;         // "set forward by 5.120 s"; "" for none
};
ClockCorrection correct_clock(const ClockOffset& offset);

}  // namespace neonvm::decide
