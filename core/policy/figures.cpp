#include "core/policy/figures.hpp"

#include <algorithm>
#include <limits>

namespace neonvm::policy {

bool is_fresh(Instant at, Instant now, Duration most) {
  const auto old = age(at, now);
  return old && *old <= most;
}

MilliCpu milli_cpu(double cpus) {
  if (!(cpus > 0)) return {};
  constexpr double most = std::numeric_limits<std::uint32_t>::max();
  return MilliCpu{static_cast<std::uint32_t>(std::min(std::ceil(cpus * 1000 - 1e-6), most))};
}

Bytes bytes(double amount) {
  if (!(amount > 0)) return {};
  constexpr double most = 1152921504606846976.0;  // 2^60
  return Bytes{static_cast<std::uint64_t>(std::min(std::ceil(amount), most))};
}

Resources in_bounds(const Resources& wish, const PolicyInput& input) {
  return field_max(field_min(wish, input.max), input.min);
}

Resources settled(const Resources& wish, bool complete, const PolicyInput& input) {
  return in_bounds(complete ? wish : field_max(wish, input.using_now), input);
}

double units_of(const Resources& size, const Resources& unit) {
  if (unit.cpu.value == 0 || unit.memory.value == 0) return 0;
  return std::max(size.cpu.cpus() / unit.cpu.cpus(),
                  static_cast<double>(size.memory.value) / static_cast<double>(unit.memory.value));
}

Resources whole_units(const Resources& size, const Resources& unit) {
  if (unit.cpu.value == 0 || unit.memory.value == 0) return size;
  constexpr double most = std::numeric_limits<std::uint32_t>::max();
  return unit * static_cast<std::uint32_t>(std::min(std::ceil(units_of(size, unit) - 1e-9), most));
}

}  // namespace neonvm::policy
