// Lifecycle: from a VM's objects and its runners' words to the next step of its life, and to its status.
//
// Called by daemon/controller at every event of a VM; pure and const. The caller writes `status` first if it changed
// (a conflict there throws the whole decision away), then does `step`, then asks again with what the world has become;
// a decision without a step waits for an event or for `look_again`.
//
// A start is named before it is made: status.runner and status.node tell of a runner that may not be started yet. A controller
// that finds no such runner names another one, for a name is one life; so it asks the store first, not what it has heard.
//
// Laws: no runner is started while a QEMU of the VM may live; a runner that vanished is succeeded at the same run_dir,
// never restarted beside it; whoever runs the VM by its own word is kept; restarts follow the true reason of the end,
// after 1, 2, 4 … 30 s; every state has a step, an event that ends it, or a time to look again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/decide/lifecycle_facts.hpp"
#include "core/model/goal.hpp"
#include "core/model/object.hpp"

namespace neonvm::decide {

enum class LifecycleDeed {
  none,
  add_finalizer,
  start_runner,    // place and start `runner`
  succeed_runner,  // start `runner` with attach_only, for the run_dir and on the node of `predecessor`
  stop_runner,     // end `runner` within `grace`; for one that has ended: let its object go
  forget_vm,       // no runner is left: delete the VM's directory, let the object go
};
const char* to_string(LifecycleDeed deed);

struct LifecycleStep {
  LifecycleDeed deed = LifecycleDeed::none;
  std::string runner;
  std::string predecessor;
  Duration grace{};
  Because because;
};

struct LifecycleDecision {
  LifecycleStep step;
  VmStatus status;
  Tries tries;
  std::optional<Instant> look_again;
};

LifecycleDecision decide_lifecycle(const LifecycleFacts& facts);

// Of a decision to start a runner, once that has a place: its status as it will be when the runner is seen, which is then no news.
void note_place(LifecycleDecision& decision, const std::string& node, WallTime wall);

// Whether nothing is new but that a VM which runs is on its way to a size: most are there in less time than a write takes, and where
// it has come to is then worth one.
bool is_on_its_way(const VmStatus& before, const VmStatus& after);

// What people should hear of, seen in two stored statuses of one VM. at, kind, ns and name are the caller's.
std::vector<Event> events_between(const VmStatus& before, const VmStatus& after);

}  // namespace neonvm::decide
