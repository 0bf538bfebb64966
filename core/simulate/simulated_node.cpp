#include "core/simulate/simulated_node.hpp"

#include <algorithm>
#include <queue>

namespace neonvm::simulate {
namespace {

struct Visit {
  Instant at;
  std::size_t place;          // in vms_, which is sorted by index
};
struct Later {
  bool operator()(const Visit& a, const Visit& b) const { return a.at != b.at ? a.at > b.at : a.place > b.place; }
};
using Visits = std::priority_queue<Visit, std::vector<Visit>, Later>;

bool before(const std::unique_ptr<SimulatedVm>& vm, std::size_t index) { return vm->index() < index; }

}  // namespace

SimulatedNode::SimulatedNode(Node node, std::unique_ptr<Policy> policy) : node_(std::move(node)), policy_{std::move(policy), {}} {
  ledger_.node_seen(node_);
}

void SimulatedNode::run(Instant until, bool lockstep) {
  if (lockstep) return run_in_lockstep(until);
  Visits visits;
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (i + 1 < vms_.size()) vms_[i + 1]->fetch();
    if (const auto at = vms_[i]->advance(until, policy_)) visits.push({*at, i});
  }
  while (!visits.empty()) {
    const Visit visit = visits.top();
    visits.pop();
    if (!visits.empty()) vms_[visits.top().place]->fetch();
    SimulatedVm& vm = *vms_[visit.place];
    vm.visit(ledger_);
    if (const auto at = vm.advance(until, policy_)) visits.push({*at, visit.place});
  }
}

void SimulatedNode::run_in_lockstep(Instant until) {
  Visits events;
  for (std::size_t i = 0; i < vms_.size(); ++i) events.push({vms_[i]->next_at(), i});
  while (!events.empty() && events.top().at < until) {
    const Visit next = events.top();
    events.pop();
    SimulatedVm& vm = *vms_[next.place];
    if (vm.advance(next.at + Duration(1), policy_)) vm.visit(ledger_);
    if (!vm.gone()) events.push({std::max(vm.next_at(), next.at), next.place});
  }
}

void SimulatedNode::take(std::unique_ptr<SimulatedVm> vm) {
  const auto place = std::lower_bound(vms_.begin(), vms_.end(), vm->index(), before);
  vms_.insert(place, std::move(vm));
}

std::unique_ptr<SimulatedVm> SimulatedNode::give(std::size_t index) {
  const auto place = std::lower_bound(vms_.begin(), vms_.end(), index, before);
  if (place == vms_.end() || (*place)->index() != index) return nullptr;
  std::unique_ptr<SimulatedVm> vm = std::move(*place);
  vms_.erase(place);
  return vm;
}

SimulatedVm* SimulatedNode::find(std::size_t index) {
  const auto place = std::lower_bound(vms_.begin(), vms_.end(), index, before);
  return place == vms_.end() || (*place)->index() != index ? nullptr : place->get();
}

}  // namespace neonvm::simulate
