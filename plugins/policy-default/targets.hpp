// targets: the policy's knobs, checked, so that the arithmetic behind it cannot divide by nothing.
//
// Called by default_policy, once a decision. Pure. Failure: invalid_argument that names the field, its value and the
// range; upstream crashes on these or converts NaN to a number (autoscaling.md 2.1).
#pragma once

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/scaling_config.hpp"
#include "plugins/policy-default/cpu_goal.hpp"
#include "plugins/policy-default/working_set.hpp"

namespace neonvm::policy_default {

struct Targets {
  CpuTargets cpu;
  double memory_usage = 0.75;
  double memory_total = 0.9;
  bool use_cache = false;           // enableLFCMetrics
  double cache_to_memory = 0.75;    // of a unit's memory, usable by the cache
  WindowSettings windows;
};

Result<Targets> targets_from(const ScalingConfig& config, const Resources& compute_unit);

}  // namespace neonvm::policy_default
