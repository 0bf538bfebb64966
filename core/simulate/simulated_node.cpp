#include "core/simulate/simulated_node.hpp"

#include <algorithm>

namespace neonvm::simulate {
namespace {

constexpr Instant not_waiting = Instant::max();

}  // namespace

SimulatedNode::SimulatedNode(Node node, std::unique_ptr<Policy> policy) : node_(std::move(node)), policy_{std::move(policy), {}, {}} {
  ledger_.node_seen(node_);
}

void SimulatedNode::run(Instant until, bool lockstep) {
  if (lockstep) return run_in_lockstep(until);
  Run run{until, Agenda(vms_.size()), std::vector<Instant>(vms_.size(), not_waiting), std::vector<std::uint64_t>(vms_.size(), 0)};
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (i + 3 < vms_.size()) vms_[i + 3]->fetch();
    if (i + 2 < vms_.size()) vms_[i + 2]->fetch_rest(until);
    if (i + 1 < vms_.size()) vms_[i + 1]->fetch_last(until);
    go_on(run, i);
  }
  while (!run.agenda.empty()) {
    const std::size_t place = run.agenda.first();
    const Instant at = run.agenda.at(place);
    SimulatedVm& vm = *vms_[place];
    if (run.waits[place] != not_waiting) {
      run.waits[place] = not_waiting;
      vm.waited(at);
    } else {
      run.sure[place] = 0;
      if (vm.visit(ledger_)) ++run.books, wake(run, place, at);
    }
    go_on(run, place);
  }
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (run.waits[i] == not_waiting) continue;
    vms_[i]->waited(until);
    vms_[i]->advance(until, policy_);
  }
}

void SimulatedNode::go_on(Run& run, std::size_t place) {
  SimulatedVm& vm = *vms_[place];
  auto stop = vm.advance(run.until, policy_, true);
  if (stop && stop->waits && run.sure[place] != run.books) {
    if (vm.would_still_wait(ledger_)) run.sure[place] = run.books;
    else stop = vm.advance(run.until, policy_);
  }
  if (stop && stop->waits) run.waits[place] = stop->at;
  if (stop && stop->at < run.until) run.agenda.put(place, stop->at);
  else run.agenda.remove(place);
}

// What was asked before the visit of the VM at `by` has the answer of before.
void SimulatedNode::wake(Run& run, std::size_t by, Instant at) {
  for (std::size_t i = 0; i < vms_.size(); ++i) {
    if (run.waits[i] == not_waiting) continue;
    if (vms_[i]->would_still_wait(ledger_)) {
      run.sure[i] = run.books;
      continue;
    }
    run.waits[i] = not_waiting;
    vms_[i]->waited(i < by ? at + Duration(1) : at);
    go_on(run, i);
  }
}

void SimulatedNode::run_in_lockstep(Instant until) {
  Agenda agenda(vms_.size());
  for (std::size_t i = 0; i < vms_.size(); ++i)
    if (!vms_[i]->gone()) agenda.put(i, vms_[i]->next_at());
  while (!agenda.empty() && agenda.at(agenda.first()) < until) {
    const std::size_t place = agenda.first();
    const Instant at = agenda.at(place);
    SimulatedVm& vm = *vms_[place];
    if (vm.advance(at + Duration(1), policy_)) vm.visit(ledger_);
    if (vm.gone()) agenda.remove(place);
    else agenda.put(place, std::max(vm.next_at(), at));
  }
}

std::size_t SimulatedNode::place_of(std::size_t index) const {
  return static_cast<std::size_t>(std::lower_bound(indexes_.begin(), indexes_.end(), index) - indexes_.begin());
}

void SimulatedNode::take(VmPointer vm) {
  const auto place = static_cast<std::ptrdiff_t>(place_of(vm->index()));
  indexes_.insert(indexes_.begin() + place, vm->index());
  vms_.insert(vms_.begin() + place, std::move(vm));
}

VmPointer SimulatedNode::give(std::size_t index) {
  const std::size_t place = place_of(index);
  if (place == indexes_.size() || indexes_[place] != index) return nullptr;
  VmPointer vm = std::move(vms_[place]);
  indexes_.erase(indexes_.begin() + static_cast<std::ptrdiff_t>(place));
  vms_.erase(vms_.begin() + static_cast<std::ptrdiff_t>(place));
  return vm;
}

SimulatedVm* SimulatedNode::find(std::size_t index) {
  const std::size_t place = place_of(index);
  return place == indexes_.size() || indexes_[place] != index ? nullptr : vms_[place].get();
}

}  // namespace neonvm::simulate
