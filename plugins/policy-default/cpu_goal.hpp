// cpu_goal: how many compute units the load averages ask for (autoscaling.md 2.2, CPU).
//
// Called by default_policy; inline, because simulate asks a hundred million times. Pure. REQUIRES fraction > 0, cpus_per_unit > 0, ratios >= 0, loads finite and >= 0.
#pragma once

#include <cmath>

namespace neonvm::policy_default {

struct CpuTargets {
  double fraction = 0.9;       // wanted load per CPU
  double cpus_per_unit = 0.25;
  double stable_ratio = 0;     // load1 this near to load5, relative to it, is ignored
  double mixed_ratio = 0;      // this much further it is blended in
};

struct CpuGoal {
  double weight = 1;           // of load1; load5 has the rest
  double load = 0;             // the blend
  double units = 0;            // not rounded
};

inline double weight_of_load1(double load1, double load5, const CpuTargets& targets) {
  const double stable = targets.stable_ratio * load5;
  const double mixed = stable + targets.mixed_ratio * load5;
  const double distance = std::abs(load1 - load5);
  if (distance <= stable) return 0;
  if (distance >= mixed) return 1;
  // The addend is upstream's guard against an empty zone; kept because results are compared number for number.
  return (distance - stable) / (mixed - stable + 1e-6);
}

inline CpuGoal cpu_goal(double load1, double load5, const CpuTargets& targets) {
  CpuGoal goal;
  goal.weight = weight_of_load1(load1, load5, targets);
  goal.load = goal.weight * load1 + (1 - goal.weight) * load5;
  goal.units = goal.load / targets.fraction / targets.cpus_per_unit;
  return goal;
}

}  // namespace neonvm::policy_default
