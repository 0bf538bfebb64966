// VMs that leave a node above its watermark: the scheduler writes the wish, the controller carries it out.
#include <algorithm>

#include "core/daemon/scheduler.hpp"
#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration retry_failed_order = std::chrono::seconds(5);

bool can_leave(Phase phase) { return phase == Phase::running || phase == Phase::scaling; }

Object migration_object(const decide::Move& move, const SeenVm& vm) {
  Object object;
  object.kind = Kind::migration;
  object.name = name_beside(vm.runner, "schedplugin-", "");
  while (object.name.back() == '-') object.name.pop_back();
  object.labels[made_by_scheduler] = "true";
  object.owner_uid = vm.uid;
  MigrationSpec spec;
  spec.vm = vm.name;
  spec.target_node = move.to;
  object.spec = wire::encode(spec);
  return object;
}

}  // namespace

// A failed move counts too: the same VM is not tried again and again.
std::optional<Instant> Scheduler::last_moved(const SeenVm& vm) const {
  std::optional<Instant> last;
  if (const auto it = moved_at_.find(vm.name); it != moved_at_.end()) last = it->second;
  for (const SeenMigration* migration : view_.migrations_of(vm.name)) {
    if (!migration->over()) continue;
    const Duration ago = std::max<Duration>(loop_.wall() - migration->status.ended, Duration::zero());
    const Instant at = loop_.now() - std::min<Duration>(ago, settings_.moves.rest);
    if (!last || at > *last) last = at;
  }
  return last;
}

std::vector<decide::Mover> Scheduler::movers() const {
  std::vector<decide::Mover> movers;
  for (const auto& [uid, vm] : view_.vms()) {
    const decide::Booking* booking = ledger_.find(vm.runner);
    if (booking == nullptr || booking->vm != uid || !can_leave(vm.phase)) continue;
    const bool free_to_go = vm.may_migrate && !vm.deleting && !vm.stopped &&
                            view_.moving(vm.name) == nullptr && ordering_.count(vm.name) == 0;
    movers.push_back({vm.name, booking->node, taken(*booking), free_to_go, vm.node_selector, last_moved(vm)});
  }
  return movers;
}

std::vector<decide::MoveUnderWay> Scheduler::moves_under_way() const {
  std::vector<decide::MoveUnderWay> moves;
  for (const auto& [vm, move] : ordering_) moves.push_back({move.from, move.to});
  for (const auto& [name, migration] : view_.migrations()) {
    if (migration.over() || ordering_.count(migration.spec.vm) != 0) continue;
    std::string from = migration.status.source_node, to = migration.status.target_node;
    if (to.empty()) to = migration.spec.target_node;
    moves.push_back({from, to});
  }
  return moves;
}

void Scheduler::plan_moves() {
  if (!ready_) return;
  forget_old_migrations();
  if (!settings_.move_above_watermark) return;
  const bool too_full = std::any_of(ledger_.nodes().begin(), ledger_.nodes().end(),
                                    [this](const auto& node) { return ledger_.totals(node.first).excess() != Resources{}; });
  if (!too_full) return pinned_.clear();
  // A VM that will leave is not counted as staying, so that nobody leaves in its stead.
  auto nodes = decide::views_of(ledger_);
  const auto above = [](const decide::NodeView& view) { return view.totals.excess() != Resources{}; };
  if (std::none_of(nodes.begin(), nodes.end(), above)) return pinned_.clear();
  for (decide::NodeView& view : nodes) {
    for (const auto& [vm, move] : ordering_) {
      if (move.from != view.node.name) continue;
      for (const decide::Mover& mover : movers())
        if (mover.vm == vm) view.totals.leaving = view.totals.leaving + mover.size;
    }
  }
  const auto plan = decide::choose_moves(nodes, movers(), moves_under_way(), settings_.score, settings_.moves, loop_.now());
  for (const auto& [node, why] : plan.pinned)
    if (pinned_[node] != why) runtime::log_warning("scheduler", "a node stays above its watermark", {{"node", node}, {"why", why}});
  pinned_ = plan.pinned;
  for (const decide::Move& chosen : plan.moves) move(chosen);
  if (plan.look_again) moves_timer_ = loop_.at(*plan.look_again, [this] { something_changed(); });
}

void Scheduler::move(const decide::Move& chosen) {
  const auto vm = std::find_if(view_.vms().begin(), view_.vms().end(),
                               [&](const auto& entry) { return entry.second.name == chosen.vm; });
  if (vm == view_.vms().end()) return;
  ordering_[chosen.vm] = chosen;
  runtime::log_info("scheduler", "moving a VM away", {{"vm", chosen.vm}, {"from", chosen.from}, {"to", chosen.to}, {"why", chosen.why}});
  Event event;
  event.at = loop_.wall();
  event.name = chosen.vm;
  event.reason = "MigrationRequested";
  event.message = "to " + chosen.to + ": " + chosen.why;
  loop_.off_loop(
      [&orchestrator = orchestrator_, object = migration_object(chosen, vm->second), event] {
        auto created = orchestrator.create(object, call_deadline());
        if (created) (void)orchestrator.record(event, call_deadline());
        return created;
      },
      [this, weak = std::weak_ptr(alive_), chosen](const Result<Object>& created) {
        if (!weak.expired()) moved(chosen, created);
      });
}

void Scheduler::count_write(const char* op, const std::optional<Error>& failed) {
  const std::string outcome = failed ? std::string("error: ") + to_string(failed->code) : "success";
  metrics_.counter(families::up_k8s_ops, {op, to_string(Kind::migration), outcome}).add();
}

void Scheduler::moved(const decide::Move& move, const Result<Object>& created) {
  count_write("Create", created ? std::nullopt : std::optional(created.error()));
  ordering_.erase(move.vm);
  const bool there = created || created.error().code == Code::already_exists;
  moved_at_[move.vm] = there ? loop_.now() : loop_.now() - settings_.moves.rest + retry_failed_order;
  if (created) world_.wrote(*created);
  else runtime::log_warning("scheduler", "a migration could not be asked for", {{"vm", move.vm}, {"error", created.error().message}});
  something_changed();
}

// Ours are kept while they tell that the VM has just been moved, then removed; others are their owners' to remove.
void Scheduler::forget_old_migrations() {
  for (const auto& [name, migration] : view_.migrations()) {
    if (!migration.ours || !migration.over() || loop_.wall() - migration.status.ended < settings_.moves.rest) continue;
    if (!removing_.insert(name).second) continue;
    loop_.off_loop(
        [&orchestrator = orchestrator_, name = name] { return orchestrator.remove(Kind::migration, name, call_deadline()); },
        [this, weak = std::weak_ptr(alive_), name = name](const Status& removed) {
          if (weak.expired()) return;
          count_write("Delete", removed ? std::nullopt : std::optional(removed.error()));
          if (!removed) removing_.erase(name);
        });
  }
}

}  // namespace neonvm::daemon
