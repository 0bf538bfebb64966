#include "core/simulate/simulated_node.hpp"

#include <algorithm>

namespace neonvm::simulate {
namespace {

constexpr Instant not_waiting = Instant::max();

bool before(const std::unique_ptr<SimulatedVm>& vm, std::size_t index) { return vm->index() < index; }

}  // namespace

SimulatedNode::SimulatedNode(Node node, std::unique_ptr<Policy> policy) : node_(std::move(node)), policy_{std::move(policy), {}} {
  ledger_.node_seen(node_);
}

void SimulatedNode::run(Instant until, bool lockstep) {
  if (lockstep) return run_in_lockstep(until);
  Agenda agenda{until, {}, std::vector<Instant>(vms_.size(), not_waiting)};
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (i + 1 < vms_.size()) vms_[i + 1]->fetch();
    go_on(agenda, i);
  }
  while (!agenda.visits.empty()) {
    const Visit next = agenda.visits.top();
    agenda.visits.pop();
    if (!agenda.visits.empty()) vms_[agenda.visits.top().place]->fetch();
    SimulatedVm& vm = *vms_[next.place];
    if (next.own) {
      if (agenda.waits[next.place] != next.at) continue;   // it was woken before
      agenda.waits[next.place] = not_waiting;
      vm.waited(next.at);
    } else if (vm.visit(ledger_)) {
      wake(agenda, next);
    }
    go_on(agenda, next.place);
  }
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (agenda.waits[i] == not_waiting) continue;
    vms_[i]->waited(until);
    vms_[i]->advance(until, policy_);
  }
}

void SimulatedNode::go_on(Agenda& agenda, std::size_t place) {
  SimulatedVm& vm = *vms_[place];
  auto stop = vm.advance(agenda.until, policy_, true);
  if (stop && stop->waits && !vm.would_still_wait(ledger_)) stop = vm.advance(agenda.until, policy_);
  if (!stop) return;
  if (stop->waits) agenda.waits[place] = stop->at;
  if (stop->at < agenda.until) agenda.visits.push({stop->at, place, stop->waits});
}

// What was asked before `after` has the answer of before.
void SimulatedNode::wake(Agenda& agenda, const Visit& after) {
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (agenda.waits[i] == not_waiting || vms_[i]->would_still_wait(ledger_)) continue;
    agenda.waits[i] = not_waiting;
    vms_[i]->waited(i < after.place ? after.at + Duration(1) : after.at);
    go_on(agenda, i);
  }
}

void SimulatedNode::run_in_lockstep(Instant until) {
  std::priority_queue<Visit, std::vector<Visit>, Later> events;
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
