// PressurePolicy: grows within one sample of need, shrinks calmly. CPU and memory go their own ways, unless `coupled`.
//
// Remembers of each VM what the last `calm` showed and how often its size turned (bounded: core/policy/vm_memory); the
// same history gives the same answers. In any hour the wish of a resource changes its direction at most 2 * turns + 1
// times (track.hpp; coupled: both together twice that), with bounds that stand still. Threads: as ports/policy.
// Failure: none; without fresh samples of CPU or of memory the goal is incomplete and neither shrinks. The wish is in the bounds.
//
// Reasons: cpu.{demand,keep,wait,calm,unknown}, memory.{use,pressure,oom,request,hot,keep,wait,calm,unknown}; limits that
// bit: {cpu,memory}.{max,min,turns,grew}, coupled.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"
#include "core/policy/vm_memory.hpp"
#include "plugins/policy-pressure/options.hpp"
#include "plugins/policy-pressure/watch.hpp"

namespace neonvm::policy_pressure {

class PressurePolicy final : public policy::InPlacePolicy {
 public:
  explicit PressurePolicy(PressureOptions options = {}) : options_(options) {}
  static Result<std::unique_ptr<PressurePolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  PressureOptions options_;
  policy::VmMemory<VmWatch> watches_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_pressure
