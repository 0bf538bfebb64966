// SimulatedNode: one node with its books and its VMs, run on its own from one look of the scheduler to the next.
//
// Owned by a World; one thread at a time, and nothing in it is shared. Its ledger holds this node alone, which changes
// no answer: a grant depends on the bookings of one node.
#pragma once

#include <memory>
#include <queue>
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
  struct Visit {
    Instant at;
    std::size_t place;          // in vms_
    bool own = false;           // not a visit: something else happens to a VM that waits for room
  };
  struct Later {
    bool operator()(const Visit& a, const Visit& b) const { return a.at != b.at ? a.at > b.at : a.place > b.place; }
  };
  // Of the present run. VMs that wait for room are not asked what they would ask: they are woken when the answer would
  // be another one.
  struct Agenda {
    Instant until;
    std::priority_queue<Visit, std::vector<Visit>, Later> visits;
    std::vector<Instant> waits;             // by place: until when; Instant::max(): it does not wait
  };

  void run_in_lockstep(Instant until);
  void go_on(Agenda& agenda, std::size_t place);
  void wake(Agenda& agenda, const Visit& after);

  Node node_;
  PolicyCall policy_;
  decide::Ledger ledger_;
  std::vector<std::unique_ptr<SimulatedVm>> vms_;
};

}  // namespace neonvm::simulate
