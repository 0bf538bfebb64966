// State: what a daemon holds in memory, as GET /v1/state on its own socket shows it to whoever looks for a fault (`neonvm dump`).
// Written only: people read it, and tools that take what they know.
#pragma once

#include <string>
#include <vector>

#include "core/model/overcommit.hpp"
#include "core/model/resources.hpp"
#include "core/wire/explanation.hpp"

namespace neonvm::wire {

struct HolderState {
  std::string holder, vm;              // a runner or pod, and the uid that it holds for
  Resources granted, actual, overhead;
  Resources taken;                     // all in all, of its node
  Overcommit overcommit;
  bool leaving = false, confirmed = true;
};

struct NodeState {
  std::string name;
  Resources capacity, reserved, leaving, leased, watermark;
  std::string pinned;                  // why it stays above its watermark; empty: it does not, or not yet
  std::vector<HolderState> holders;    // in the order of their names
};

struct SchedulerState {
  std::string not_ready;               // why it gives no permits now; empty: it does
  std::vector<NodeState> nodes;
  std::vector<std::string> kept;       // places for runners that nobody has seen yet
};

struct AgentState {
  std::string node;                    // empty: all
  Resources headroom;                  // lent by the scheduler and not given to VMs yet
  std::vector<Explanation> vms;
};

std::string encode(const SchedulerState& state);
std::string encode(const AgentState& state);

}  // namespace neonvm::wire
