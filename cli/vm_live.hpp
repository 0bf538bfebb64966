// VmLive: one look at a running VM through its runner: the report, and the guest's next sample.
//
// Used by cli/describe. Blocking. Failure: what did not come within the limit is absent; a guest without a monitor sends no
// samples.
#pragma once

#include <optional>
#include <string>

#include "cli/runner_reach.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::cli {

struct VmLive {
  std::optional<wire::RunnerReport> report;
  std::optional<GuestSample> sample;
};

VmLive look_at(const RunnerReach& runner, Duration limit);

}  // namespace neonvm::cli
