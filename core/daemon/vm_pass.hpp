// Private to VmKeeper: one pass over a VM, and what it read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/daemon/vm_keeper.hpp"

namespace neonvm::daemon {

struct VmKeeper::Pass {
  Done done;
  bool ended = false;

  std::optional<Object> vm;
  VmSpec spec;
  VmStatus status;
  std::vector<decide::RunnerFacts> runners;
  std::optional<Result<RunnerSpec>> start;  // of a start: what there is to start, or why it cannot be
  std::string cannot_start;            // the reason for that in one word
  std::uint64_t rooms = 0;             // that had come when it began: one that came since, a refusal does not know of
  bool first_life = false;             // until the status that this pass wrote, nothing named a runner

  std::optional<Object> migration;
  MigrationSpec move_spec;
  MigrationStatus move_status;
  bool another_running = false;
  std::optional<decide::MigrationDecision> move;

  std::optional<Instant> look_again;

  void wake(const std::optional<Instant>& at) {
    if (at && (!look_again || *at < *look_again)) look_again = at;
  }
};

}  // namespace neonvm::daemon
