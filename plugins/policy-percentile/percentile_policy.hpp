// PercentilePolicy: the size that was enough for most of the time, in the manner of the Vertical Pod Autoscaler's
// recommender: a rival that looks back at days and does not hurry.
//
// Asks for the target percentile of use plus the margin; changes a size only when it lies outside lower … upper, which
// are the wider the less has been seen (upper times 1 + 1 / days watched, lower divided by 1 + 0.001 / days watched).
// Use is the demand of core/policy/demand, so a guest whose CPUs are all busy shows what it would use.
//
// Remembers each VM's use (bounded: core/policy/vm_memory). Failure: none; without fresh samples the goal is incomplete.
// The wish is in the bounds. Reasons: {cpu,memory}.{percentile,keep,unknown}; stale; limits that bit: bounds,
// warm-up.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"
#include "core/policy/vm_memory.hpp"
#include "plugins/policy-percentile/usage.hpp"

namespace neonvm::policy_percentile {

class PercentilePolicy final : public policy::InPlacePolicy {
 public:
  explicit PercentilePolicy(PercentileOptions options = {}) : options_(options) {}
  static Result<std::unique_ptr<PercentilePolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  struct Names {
    const char *percentile, *keep, *unknown;
    double shown;
    const char* unit;
  };
  double wish(const DecayingHistogram& use, double days, double have, const Names& names, Goal& goal);

  PercentileOptions options_;
  policy::VmMemory<Usage> usages_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_percentile
