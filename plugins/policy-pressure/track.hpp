// Track: one figure (CPUs wanted, bytes needed) over the last minutes; Turns: how often a size may turn down.
//
// Kept per VM by the policy. Values. What is fed in twice counts once, so that the same question twice has one answer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/model/instant.hpp"

namespace neonvm::policy_pressure {

// A sample older than this steers nothing, and a pause in the samples longer than this begins a new watch.
constexpr Duration stale = std::chrono::seconds(15);

class Track {
 public:
  // REQUIRES rising instants.
  void add(Instant at, double value, Duration calm);

  // The newest value, if it is fresh.
  [[nodiscard]] std::optional<double> now(Instant now) const;
  // The highest value of the last `calm`, or a little longer.
  [[nodiscard]] double peak(Instant now, Duration calm) const;
  // Watched without a pause for all of `calm`.
  [[nodiscard]] bool covers(Instant now, Duration calm) const;

 private:
  static constexpr std::size_t slots = 32;
  struct Slot {
    std::int64_t number = -1;
    double peak = 0;
  };

  bool any_ = false;
  Instant first_{}, last_{};
  double newest_ = 0;
  std::array<Slot, slots> slots_;
};

// A turn is a wish to shrink after one to grow. At most `limit` of them lie in any hour, so in any hour the wish changes
// its direction at most 2 * limit + 1 times, whatever the guest does: between two turns down lies one turn up.
class Turns {
 public:
  static constexpr std::uint32_t most = 60;

  void grows(Instant now);
  // May it shrink now? Notes the turn if it is one.
  [[nodiscard]] bool may_shrink(Instant now, std::uint32_t limit);
  // It wished to grow less than `calm` ago.
  [[nodiscard]] bool grew_within(Instant now, Duration calm) const;

 private:
  enum class Direction : std::uint8_t { none, up, down };

  Direction direction_ = Direction::none;
  Instant grew_{};
  std::array<Instant, most> at_{};
  std::uint32_t count_ = 0, next_ = 0;
};

}  // namespace neonvm::policy_pressure
