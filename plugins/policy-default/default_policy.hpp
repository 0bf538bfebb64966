// DefaultPolicy: upstream's goal, number for number (autoscaling.md 2.2): the most compute units that the load average
// (rounded), the memory in use and the file cache's working set (both rounded up) ask for, times the compute unit.
//
// Keeps nothing between calls but the room of its texts. Threads: as ports/policy. Failure: invalid_argument for knobs that divide by nothing;
// figures that are missing, broken or older than a minute make the goal incomplete, each with its reason.
//
// Reasons: cpu.load1, memory.usage, memory.total, cache.working_set, too-few-windows, missing-metrics, goal.
#pragma once

#include "core/policy/reasons.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::policy_default {

class DefaultPolicy final : public policy::InPlacePolicy {
 public:
  // explains: false leaves the reasons out, for who asks a hundred million times and shows them to nobody.
  explicit DefaultPolicy(bool explains = true) : explains_(explains) {}

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  policy::Reasons reasons_;
  bool explains_;
};

}  // namespace neonvm::policy_default
