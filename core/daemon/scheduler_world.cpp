// The scheduler's books as they follow the world.
#include <algorithm>

#include "core/daemon/scheduler.hpp"
#include "core/daemon/watch_metrics.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

void Scheduler::start() {
  not_ready_ = "the scheduler's books are being rebuilt";
  watches_ = tell_watches(metrics_, world_, MetricPart::scheduler);
  const auto follow_kind = [this](Kind kind, void (Scheduler::*changed)(const Change&)) {
    for (const auto& [name, object] : world_.all(kind)) (this->*changed)({ChangeKind::added, object});
    subscriptions_.push_back(world_.listen(kind, [this, changed](const Change& change) {
      if (change.kind != ChangeKind::synced) (this->*changed)(change);
      rebuild_when_synced();
    }));
  };
  follow_kind(Kind::node, &Scheduler::node_changed);
  follow_kind(Kind::virtual_machine, &Scheduler::vm_changed);
  follow_kind(Kind::migration, &Scheduler::migration_changed);
  follow_kind(Kind::runner, &Scheduler::runner_changed);
  if (world_.watches(Kind::neighbour)) follow_kind(Kind::neighbour, &Scheduler::neighbour_changed);
  rebuild_when_synced();
}

void Scheduler::rebuild_when_synced() {
  if (ready_ || !world_.synced()) return;
  ready_ = true;
  const Instant confirm_by = loop_.now() + settings_.confirm_within;
  ledger_.rebuilt(view_.all_bookings(), confirm_by);
  // What people wrote may have been permitted before the books were lost: kept for them as far as there is room.
  for (const auto& [uid, vm] : view_.vms())
    if (!vm.scales)
      for (const decide::Booking& b : ledger_.of_vm(uid))
        ledger_.may_have_been_permitted(b.holder, vm.use);
  runtime::log_info("scheduler", "books rebuilt", {{"runners", std::to_string(ledger_.bookings().size())},
                                                   {"nodes", std::to_string(ledger_.nodes().size())}});
  something_changed();
}

void Scheduler::node_changed(const Change& change) {
  if (change.kind == ChangeKind::deleted) {
    ledger_.node_gone(change.object.name);
    metrics_.forget("node", change.object.name);
  } else if (const auto node = wire::decode_node(change.object)) {
    ledger_.node_seen(*node);
  } else {
    runtime::log_warning("scheduler", "a node cannot be read",
                         {{"node", change.object.name}, {"error", node.error().message}});
  }
  if (change.kind == ChangeKind::deleted) {
    free_before_.erase(change.object.name);
    news_.node_gone(change.object.name);
  }
  if (ready_) something_changed();
}

void Scheduler::vm_changed(const Change& change) {
  follow(view_.vm_changed(change.object, change.kind == ChangeKind::deleted));
}

void Scheduler::runner_changed(const Change& change) {
  const bool gone = change.kind == ChangeKind::deleted;
  const std::string uid = view_.runner_changed(change.object, gone);
  // One that waits for a node has not come yet to where a place is kept for it.
  const SeenRunner* seen = view_.runner(change.object.name);
  const bool placed = gone || (seen != nullptr && !seen->node.empty());
  if (placed) unseen_until_.erase(change.object.name);
  if (settings_.show_room) placed ? news_.placed(change.object.name) : news_.unbound(change.object.name, loop_.now());
  if (gone && ready_) ledger_.released(change.object.name);
  follow(uid);
}

void Scheduler::neighbour_changed(const Change& change) {
  const std::string& name = change.object.name;
  const auto booking = view_.neighbour_changed(change.object, change.kind == ChangeKind::deleted);
  if (booking && ignores(*booking)) {
    (void)view_.neighbour_changed(change.object, true);
    return;
  }
  if (!ready_) return;
  unseen_until_.erase(name);
  // What it asks for may change while it runs, and another pod may have its name.
  ledger_.released(name);
  if (booking) ledger_.holder_seen(*booking);
  something_changed();
}

void Scheduler::migration_changed(const Change& change) {
  if (change.kind == ChangeKind::deleted) removing_.erase(change.object.name);
  follow(view_.migration_changed(change.object, change.kind == ChangeKind::deleted));
}

// A runner that took hold of a predecessor's QEMU holds what that one was granted.
void Scheduler::adopt_successors(const std::vector<decide::Booking>& facts, const std::string& vm_uid) {
  for (const decide::Booking& fact : facts) {
    const SeenRunner* seen = view_.runner(fact.holder);
    if (ledger_.find(fact.holder) != nullptr || seen == nullptr || !seen->attach_only) continue;
    for (const decide::Booking& old : ledger_.of_vm(vm_uid)) {
      const SeenRunner* predecessor = view_.runner(old.holder);
      const bool gone = predecessor == nullptr || !view_.holds(*predecessor);
      if (old.node == fact.node && gone && unseen_until_.count(old.holder) == 0) {
        ledger_.renamed(old.holder, fact.holder);
        break;
      }
    }
  }
}

// A place that nobody came to take is free again.
void Scheduler::drop_unseen() {
  std::optional<Instant> next;
  for (auto it = unseen_until_.begin(); it != unseen_until_.end();) {
    if (it->second <= loop_.now()) {
      ledger_.released(it->first);
      it = unseen_until_.erase(it);
      continue;
    }
    if (!next || it->second < *next) next = it->second;
    ++it;
  }
  if (next) unseen_timer_ = loop_.at(*next, [this] { something_changed(); });
}

void Scheduler::follow(const std::string& vm_uid) {
  if (!ready_ || vm_uid.empty()) return;
  const auto facts = view_.bookings_of(vm_uid);
  adopt_successors(facts, vm_uid);
  for (decide::Booking fact : facts) {
    fact.confirmed = true;
    // A status says nothing of a size while the controller does not reach the runner; the VM has it all the same.
    const decide::Booking* booked = ledger_.find(fact.holder);
    if (booked != nullptr && fact.actual == Resources{}) fact.actual = booked->actual;
    ledger_.holder_seen(fact);
  }
  for (const decide::Booking& booked : ledger_.of_vm(vm_uid)) {
    const bool real = std::any_of(facts.begin(), facts.end(), [&](const auto& f) { return f.holder == booked.holder; });
    if (!real && unseen_until_.count(booked.holder) == 0) ledger_.released(booked.holder);
  }
  something_changed();
}

}  // namespace neonvm::daemon
