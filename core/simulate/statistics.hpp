// VmStatistics: what one VM cost and suffered; Levels and Waits: distributions in bounded memory.
//
// Filled by the simulated VM, added up by the report in the order of the VMs, so that sums are the same bits whatever
// the number of threads. Times in seconds, CPU in core-seconds, memory in byte-seconds.
#pragma once

#include <array>
#include <cstdint>

#include "core/model/resources.hpp"

namespace neonvm::simulate {

// How long a value stood at which level: 8 bins an octave, so a percentile is right to 9 %, and never too small.
class Levels {
 public:
  explicit Levels(double least = 1.0) : least_(least) {}
  void add(double value, double seconds);
  void add(const Levels& other);
  // The level below which the value stood for `share` of the time; 0 without time.
  [[nodiscard]] double percentile(double share) const;
  [[nodiscard]] double total() const;

 private:
  static constexpr std::size_t bins = 160;
  double least_;
  std::array<float, bins> seconds_{};
};

struct VmStatistics {
  double alive = 0;             // seconds
  double cpu_granted = 0, cpu_used = 0, cpu_needed = 0, throttled = 0;
  double memory_granted = 0, memory_needed = 0;
  double units = 0;             // compute-unit seconds paid for
  double oracle_units = 0;      // had the future been known, without any delay
  double short_seconds = 0;     // seconds with less than was needed
  double downtime = 0;          // standing still in a migration
  std::uint64_t steps = 0, policy_calls = 0, policy_errors = 0;
  std::uint64_t oom_kills = 0, resizes = 0, grows = 0, grows_by_move = 0, turns = 0;
  std::uint64_t migrations = 0, failed_migrations = 0, refusals = 0, denials = 0;
  Levels cpu_levels{1.0 / 64}, memory_levels{static_cast<double>(mib)};

  void add(const VmStatistics& other);
};

// Cost of the smallest fixed size with `reserve` above the percentile of both needs, in compute-unit seconds.
double fixed_units(const VmStatistics& vm, double percentile, double reserve, const Resources& unit);

}  // namespace neonvm::simulate
