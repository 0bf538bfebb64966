// ManualClock: a clock that a test turns by hand.
//
//   ManualClock clock;  Loop loop(clock);  …  clock.advance(5s);
//
// advance() visits each moment at which a timer of an attached loop is due, in order: it fires the timers, with now()
// being exactly that moment, and runs what the loop has ready, before it goes on. So a timer that re-arms itself each
// second fires five times in five seconds, and the same test gives the same order every time.
// Threads: advance() on the thread that uses the loop, between callbacks, is the deterministic way. On another thread
// while run() is under way it waits for the loop at each step. Inside a callback the time changes at once and the timers
// fire after that callback. Never from two threads at once.
// What depends on real things (sockets, workers) is waited for with Loop::run_until().
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "core/runtime/clock.hpp"

namespace neonvm::runtime {

class ManualClock : public Clock {
 public:
  // Starts at an instant and a wall time that are easy to read in a failure: 1000 s and 2026-01-01T00:00:00Z.
  ManualClock();

  void advance(Duration by);
  void advance_to(Instant to);
  // The wall clock jumps; the monotonic one does not.
  void jump_wall(Duration by);

  [[nodiscard]] Instant now() const override;
  [[nodiscard]] WallTime wall() const override;
  [[nodiscard]] bool ticks() const override { return false; }
  void attach(Loop& loop) override;
  void detach(Loop& loop) override;

 private:
  [[nodiscard]] std::vector<Loop*> attached() const;

  std::atomic<Duration::rep> now_;
  std::atomic<Duration::rep> wall_offset_;
  mutable std::mutex mutex_;
  std::vector<Loop*> loops_;
};

}  // namespace neonvm::runtime
