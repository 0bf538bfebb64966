// PercentileOptions: what can be set, as --policy percentile,KEY=VALUE. The defaults are those of the Vertical Pod
// Autoscaler's recommender, but for the interval: a VM can be resized without being restarted.
#pragma once

#include "core/policy/options.hpp"

namespace neonvm::policy_percentile {

struct PercentileOptions {
  double target = 0.9;                                     // target: the percentile that is asked for, 0.01 to 1
  double lower = 0.5;                                      // lower: below this one a VM is too small, 0 to target
  double upper = 0.95;                                     // upper: above this one it is too large, target to 1
  double margin = 0.15;                                    // margin: on top of each, 0 to 10
  Duration half_life = std::chrono::hours(24);             // half-life, 1m to 30d
  Duration memory_interval = std::chrono::hours(24);       // memory-interval: its peak counts as one value, 1m to 7d
  Duration warm_up = std::chrono::minutes(5);              // warm-up: of samples before it shrinks, 0s to 7d
};

Result<PercentileOptions> read_options(const policy::Settings& settings);

}  // namespace neonvm::policy_percentile
