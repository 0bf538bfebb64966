// figures: which numbers of a guest can be believed, how old they are, and how a wish becomes a size.
//
// Called by policies. Pure. A guest may say anything: NaN, below zero, beyond any machine, from the future.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/model/metrics.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::policy {

// More of anything (CPUs, tasks, pages a second) than a machine has.
constexpr double beyond = 1e9;
constexpr bool is_sane(double x) { return x >= 0 && x < beyond; }  // NaN: no comparison with it holds
constexpr bool is_sane(Bytes b) { return b.value < (std::uint64_t{1} << 60); }

// How long ago; none: `at` lies ahead, so one of the two clocks is wrong. Saturates.
inline std::optional<Duration> age(Instant at, Instant now) {
  const std::int64_t then = at.time_since_epoch().count();
  const std::int64_t here = now.time_since_epoch().count();
  if (then > here) return std::nullopt;
  const std::uint64_t apart = static_cast<std::uint64_t>(here) - static_cast<std::uint64_t>(then);
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return Duration(static_cast<std::int64_t>(apart < most ? apart : most));
}
// Not ahead and not older than `most`.
bool is_fresh(Instant at, Instant now, Duration most);

// Rounded up to thousandths, to bytes; NaN and below zero are 0, huge is the largest size there is (2^60 bytes).
MilliCpu milli_cpu(double cpus);
Bytes bytes(double amount);

// Within the VM's bounds; where those contradict each other, the least wins.
Resources in_bounds(const Resources& wish, const PolicyInput& input);
// The same, and while a goal is incomplete not below what the VM has: nobody knows what it needs.
Resources settled(const Resources& wish, bool complete, const PolicyInput& input);
// The fewest whole compute units that hold `size`, as a size; `size` itself if the unit has a field of 0.
Resources whole_units(const Resources& size, const Resources& unit);
// Units that `size` fills, by the field that fills more; 0 if the unit has a field of 0.
double units_of(const Resources& size, const Resources& unit);

}  // namespace neonvm::policy
