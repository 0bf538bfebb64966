// PressurePolicy: grows within one sample of need, shrinks calmly. CPU and memory go their own ways.
//
// Keeps nothing between calls. Threads: as ports/policy. Failure: without fresh samples the goal is incomplete and the
// VM keeps what it has. Reasons: cpu.{demand,keep,wait,calm,unknown}, memory.{use,pressure,request,hot,keep,wait,calm,
// unknown}.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/ports/policy.hpp"
#include "plugins/policy-pressure/options.hpp"

namespace neonvm::policy_pressure {

class PressurePolicy final : public Policy {
 public:
  explicit PressurePolicy(PressureOptions options = {}) : options_(options) {}
  static Result<std::unique_ptr<PressurePolicy>> open(const plugin::Options& options);

  Result<Goal> decide(const PolicyInput& input) override;

 private:
  PressureOptions options_;
};

}  // namespace neonvm::policy_pressure
