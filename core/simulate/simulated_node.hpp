// SimulatedNode: one node with its books and its VMs, run on its own from one look of the scheduler to the next.
//
// Owned by a World; one thread at a time, and nothing in it is shared. Its ledger holds this node alone, which changes
// no answer: a grant depends on the bookings of one node.
#pragma once

#include <memory>
#include <vector>

#include "core/decide/ledger.hpp"
#include "core/model/node.hpp"
#include "core/simulate/agenda.hpp"
#include "core/simulate/simulated_vm.hpp"
#include "core/simulate/vm_pool.hpp"

namespace neonvm::simulate {

class SimulatedNode {
 public:
  SimulatedNode(Node node, std::unique_ptr<Policy> policy);

  // Runs all its VMs up to `until`, their visits to the ledger in the order of time, then of their index.
  // lockstep: no VM runs ahead of another. Never changes a result; needed only by who looks at all of them at once.
  void run(Instant until, bool lockstep = false);

  void take(VmPointer vm);             // its booking is the caller's business
  VmPointer give(std::size_t index);   // null: not here

  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] decide::Ledger& ledger() { return ledger_; }
  [[nodiscard]] const decide::Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const std::vector<VmPointer>& vms() const { return vms_; }               // by index
  [[nodiscard]] const std::vector<std::size_t>& indexes() const { return indexes_; }       // of vms()
  [[nodiscard]] SimulatedVm* find(std::size_t index);

 private:
  // VMs that wait for room are not asked what they would ask: they are woken when the answer would be another one.
  struct Run {
    Instant until;
    Agenda agenda;                          // visits; of a VM that waits, when something else happens to it
    std::vector<Instant> waits;             // by place: until when; Instant::max(): it does not wait
    std::vector<std::uint64_t> sure;        // by place: with which books its answer was found to be the last one
    std::uint64_t books = 1;                // counted up when they change
  };

  [[nodiscard]] std::size_t place_of(std::size_t index) const;
  void run_in_lockstep(Instant until);
  void go_on(Run& run, std::size_t place);
  void wake(Run& run, std::size_t by, Instant at);

  Node node_;
  PolicyCall policy_;
  decide::Ledger ledger_;
  std::vector<VmPointer> vms_;
  std::vector<std::size_t> indexes_;
};

}  // namespace neonvm::simulate
