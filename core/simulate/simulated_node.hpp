// SimulatedNode: one node with its books and its VMs, run on its own from one look of the scheduler to the next.
//
// Owned by a World; one thread at a time, and nothing in it is shared. Its ledger holds this node alone, which changes
// no answer: a grant depends on the bookings of one node.
#pragma once

#include <memory>
#include <vector>

#include "core/decide/ledger.hpp"
#include "core/model/node.hpp"
#include "core/simulate/simulated_vm.hpp"

namespace neonvm::simulate {

class SimulatedNode {
 public:
  SimulatedNode(Node node, std::unique_ptr<Policy> policy);

  // Runs all its VMs up to `until`, their visits to the ledger in the order of time, then of their index.
  // lockstep: no VM runs ahead of another. Never changes a result; needed only by who looks at all of them at once.
  void run(Instant until, bool lockstep = false);

  void take(std::unique_ptr<SimulatedVm> vm);             // its booking is the caller's business
  std::unique_ptr<SimulatedVm> give(std::size_t index);   // null: not here

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] decide::Ledger& ledger() { return ledger_; }
  [[nodiscard]] const decide::Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const std::vector<std::unique_ptr<SimulatedVm>>& vms() const { return vms_; }   // by index
  [[nodiscard]] SimulatedVm* find(std::size_t index);

 private:
  void run_in_lockstep(Instant until);

  Node node_;
  PolicyCall policy_;
  decide::Ledger ledger_;
  std::vector<std::unique_ptr<SimulatedVm>> vms_;
};

}  // namespace neonvm::simulate
