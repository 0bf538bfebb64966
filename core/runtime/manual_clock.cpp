#include "core/runtime/manual_clock.hpp"

#include <algorithm>
#include <cassert>

#include "core/runtime/loop.hpp"

namespace neonvm::runtime {

namespace {

constexpr Duration start = std::chrono::seconds(1000);
constexpr Duration wall_start = std::chrono::seconds(1767225600);

}  // namespace

ManualClock::ManualClock() : now_(start.count()), wall_offset_((wall_start - start).count()) {}

Instant ManualClock::now() const { return Instant(Duration(now_.load())); }

WallTime ManualClock::wall() const {
  const Duration since_epoch = Duration(now_.load()) + Duration(wall_offset_.load());
  return WallTime(std::chrono::duration_cast<WallTime::duration>(since_epoch));
}

void ManualClock::jump_wall(Duration by) { wall_offset_ += by.count(); }

void ManualClock::advance(Duration by) { advance_to(now() + by); }

void ManualClock::advance_to(Instant to) {
  assert(to >= now());
  const std::vector<Loop*> loops = attached();
  if (std::ranges::any_of(loops, [](const Loop* loop) { return loop->inside(); })) {
    now_ = to.time_since_epoch().count();
    for (Loop* loop : loops) loop->turned();
    return;
  }
  // The first round, at the time before, runs what is ready already.
  for (;;) {
    Instant next = to;
    for (Loop* loop : loops) next = std::min(next, loop->turned().value_or(to));
    if (now() >= to) return;
    now_ = std::max(now(), next).time_since_epoch().count();
  }
}

void ManualClock::attach(Loop& loop) {
  const std::lock_guard lock(mutex_);
  loops_.push_back(&loop);
}

void ManualClock::detach(Loop& loop) {
  const std::lock_guard lock(mutex_);
  std::erase(loops_, &loop);
}

std::vector<Loop*> ManualClock::attached() const {
  const std::lock_guard lock(mutex_);
  return loops_;
}

}  // namespace neonvm::runtime
