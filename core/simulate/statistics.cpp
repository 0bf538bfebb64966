#include "core/simulate/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace neonvm::simulate {

void Levels::add(double value, double seconds) {
  std::size_t bin = 0;
  if (value > least_) {
    const double octaves = std::log2(value / least_);
    bin = std::min(bins - 1, static_cast<std::size_t>(std::ceil(octaves * 8)));
  }
  seconds_[bin] += static_cast<float>(seconds);
}

void Levels::add(const Levels& other) {
  for (std::size_t i = 0; i < bins; ++i) seconds_[i] += other.seconds_[i];
}

double Levels::total() const {
  double sum = 0;
  for (const float s : seconds_) sum += static_cast<double>(s);
  return sum;
}

double Levels::percentile(double share) const {
  const double goal = total() * share;
  if (goal <= 0) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < bins; ++i) {
    sum += static_cast<double>(seconds_[i]);
    if (sum >= goal) return least_ * std::exp2(static_cast<double>(i) / 8);
  }
  return least_ * std::exp2(static_cast<double>(bins - 1) / 8);
}

void VmStatistics::add(const VmStatistics& o) {
  alive += o.alive;
  cpu_granted += o.cpu_granted, cpu_used += o.cpu_used, cpu_needed += o.cpu_needed, throttled += o.throttled;
  memory_granted += o.memory_granted, memory_needed += o.memory_needed;
  units += o.units, oracle_units += o.oracle_units;
  short_seconds += o.short_seconds, downtime += o.downtime;
  steps += o.steps, policy_calls += o.policy_calls, policy_errors += o.policy_errors;
  oom_kills += o.oom_kills, resizes += o.resizes, grows += o.grows, grows_by_move += o.grows_by_move, turns += o.turns;
  migrations += o.migrations, failed_migrations += o.failed_migrations;
  refusals += o.refusals, denials += o.denials;
  cpu_levels.add(o.cpu_levels);
  memory_levels.add(o.memory_levels);
}

double fixed_units(const VmStatistics& vm, double percentile, double reserve, const Resources& unit) {
  const double by_cpu = vm.cpu_levels.percentile(percentile) * (1 + reserve) / unit.cpu.cpus();
  const double by_memory = vm.memory_levels.percentile(percentile) * (1 + reserve) / static_cast<double>(unit.memory.value);
  return std::max(1.0, std::ceil(std::max(by_cpu, by_memory))) * vm.alive;
}

}  // namespace neonvm::simulate
