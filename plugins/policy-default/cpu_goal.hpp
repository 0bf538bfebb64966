// cpu_goal: how many compute units the load averages ask for (autoscaling.md 2.2, CPU).
//
// Called by default_policy. Pure. REQUIRES fraction > 0, cpus_per_unit > 0, ratios >= 0, loads finite and >= 0.
#pragma once

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

CpuGoal cpu_goal(double load1, double load5, const CpuTargets& targets);

}  // namespace neonvm::policy_default
