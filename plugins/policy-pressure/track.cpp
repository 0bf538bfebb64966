#include "plugins/policy-pressure/track.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"

namespace neonvm::policy_pressure {
namespace {

std::int64_t slot_number(Instant at, Duration calm, std::size_t slots) {
  const std::int64_t width = std::max<std::int64_t>(1, calm.count() / static_cast<std::int64_t>(slots - 2));
  return at.time_since_epoch().count() / width;
}

}  // namespace

void Track::add(Instant at, double value, Duration calm) {
  const auto pause = any_ ? policy::age(last_, at) : std::nullopt;
  if (!pause || *pause > stale) first_ = at;
  any_ = true;
  last_ = at;
  newest_ = value;
  const std::int64_t number = slot_number(at, calm, slots);
  Slot& slot = slots_[static_cast<std::size_t>(number % std::int64_t{slots} + std::int64_t{slots}) % slots];
  if (slot.number != number) slot = {number, value};
  slot.peak = std::max(slot.peak, value);
}

std::optional<double> Track::now(Instant now) const {
  if (!any_ || !policy::is_fresh(last_, now, stale)) return std::nullopt;
  return newest_;
}

double Track::peak(Instant now, Duration calm) const {
  const std::int64_t newest = slot_number(now, calm, slots);
  double highest = 0;
  for (const Slot& slot : slots_) {
    if (slot.number <= newest && newest - slot.number <= std::int64_t{slots} - 2) highest = std::max(highest, slot.peak);
  }
  return highest;
}

bool Track::covers(Instant now, Duration calm) const {
  const auto watched = policy::age(first_, now);
  return any_ && watched && *watched >= calm && policy::is_fresh(last_, now, stale);
}

void Turns::grows(Instant now) {
  direction_ = Direction::up;
  grew_ = now;
}

bool Turns::may_shrink(Instant now, std::uint32_t limit) {
  if (direction_ != Direction::up) {
    direction_ = Direction::down;
    return true;
  }
  std::uint32_t within = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    if (policy::is_fresh(at_[i], now, std::chrono::hours(1))) ++within;
  }
  if (within >= limit) return false;
  at_[next_] = now;
  next_ = (next_ + 1) % most;
  count_ = std::min(count_ + 1, most);
  direction_ = Direction::down;
  return true;
}

bool Turns::grew_within(Instant now, Duration calm) const {
  return direction_ == Direction::up && policy::is_fresh(grew_, now, calm - Duration(1));
}

}  // namespace neonvm::policy_pressure
