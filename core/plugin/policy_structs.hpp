// policy_structs: PolicyInput and Goal as the plain structs of neonvm_plugin.h, and back.
//
// Called by the policy proxy (to the plugin) and by the SDK (from the host). Threads: values. Lifetime: what is made
// from a struct, or a struct from a value, points into it: keep the source for as long as the call takes. Room for
// samples is lent (sample_room.hpp), so that after the first call nothing is allocated. Failure: a struct that is
// shorter than version 1.0 knew it is invalid_argument.
#pragma once

#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"
#include "core/plugin/sample_room.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::plugin {

// Host's side. One per call.
class PolicyInputOut {
 public:
  const neonvm_policy_input& fill(const PolicyInput& input);

 private:
  SampleRoom<neonvm_sample> samples_;
  neonvm_scaling_config config_{};
  neonvm_policy_input input_{};
};

// Plugin's side. One per call.
class PolicyInputIn {
 public:
  Result<PolicyInput> read(const neonvm_policy_input& input);

 private:
  SampleRoom<GuestSample> samples_;
  ScalingConfig config_;
};

void clear(neonvm_goal& goal);
// Reasons beyond NEONVM_MAX_REASONS are left out; the last one that fits says how many.
void write_goal(const Goal& goal, neonvm_goal& to);
Goal read_goal(const neonvm_goal& goal);
// Into a goal that is kept, with the room of its last texts.
void read_goal(const neonvm_goal& goal, Goal& to, SpareReasons& spare);

}  // namespace neonvm::plugin
