// Clock: where a Loop reads the time. The system's by default; a ManualClock in tests.
//
// Implemented here only. Threads: now() and wall() from any. Lifetime: outlives the loops that use it. Cannot fail.
#pragma once

#include "core/model/instant.hpp"

namespace neonvm::runtime {

class Loop;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual WallTime wall() const = 0;

  // Whether time passes by itself. If not, attach() tells whose timers are to be fired when the clock is turned.
  [[nodiscard]] virtual bool ticks() const { return true; }
  virtual void attach(Loop&) {}
  virtual void detach(Loop&) {}
};

// CLOCK_MONOTONIC and the wall clock.
Clock& system_clock();

}  // namespace neonvm::runtime
