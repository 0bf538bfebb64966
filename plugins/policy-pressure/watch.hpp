// VmWatch: what policy-pressure knows of one VM: its figures of the last `calm`, and how its size turned.
//
// Fed with every sample once, so the host's window may be long or short. Kept per VM by the policy.
#pragma once

#include <array>
#include <optional>

#include "core/model/metrics.hpp"
#include "core/ports/policy.hpp"
#include "plugins/policy-pressure/options.hpp"
#include "plugins/policy-pressure/track.hpp"

namespace neonvm::policy_pressure {

// Why a guest waits for memory, as of the newest sample.
struct Stall {
  bool waits = false;
  double some = 0;          // share of the interval
  double refaults = 0;      // pages a second
  double swapped_in = 0;
  bool killed = false;      // the kernel killed for want of memory since the sample before
};

class VmWatch {
 public:
  // Takes in what is new. A clock that went back begins anew.
  void take(const PolicyInput& input, const PressureOptions& options);

  // Bytes a second that the need grew by lately; 0 when it fell.
  [[nodiscard]] double growth(Instant now) const;
  // Somebody waited for memory within `calm`.
  [[nodiscard]] bool hot(Instant now, Duration calm) const;

  Track cpu, memory;       // CPUs to have, air included; bytes needed
  Turns cpu_turns, memory_turns;
  Stall stall;
  double total = 0;         // MemTotal as last told, bytes
  double cache = 0;         // file pages as last told, bytes

 private:
  void take(const GuestSample& sample, const PressureOptions& options);
  void take_memory(const GuestSample& sample, Duration calm);

  struct Point {
    Instant at{};
    double need = 0;
  };

  bool any_ = false;
  Instant now_{}, seen_{};
  std::optional<Instant> hot_;
  std::optional<std::uint64_t> oom_kills_;
  std::array<Point, 8> points_{};
  std::size_t point_count_ = 0;
};

}  // namespace neonvm::policy_pressure
