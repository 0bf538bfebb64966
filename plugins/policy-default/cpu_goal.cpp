#include "plugins/policy-default/cpu_goal.hpp"

#include <cmath>

namespace neonvm::policy_default {
namespace {

double weight_of_load1(double load1, double load5, const CpuTargets& targets) {
  const double stable = targets.stable_ratio * load5;
  const double mixed = stable + targets.mixed_ratio * load5;
  const double distance = std::abs(load1 - load5);
  if (distance <= stable) return 0;
  if (distance >= mixed) return 1;
  // The addend is upstream's guard against an empty zone; kept because results are compared number for number.
  return (distance - stable) / (mixed - stable + 1e-6);
}

}  // namespace

CpuGoal cpu_goal(double load1, double load5, const CpuTargets& targets) {
  CpuGoal goal;
  goal.weight = weight_of_load1(load1, load5, targets);
  goal.load = goal.weight * load1 + (1 - goal.weight) * load5;
  goal.units = goal.load / targets.fraction / targets.cpus_per_unit;
  return goal;
}

}  // namespace neonvm::policy_default
