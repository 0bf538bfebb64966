#include <algorithm>

#include "tests/core/decide/migration/vm_world.hpp"

namespace neonvm::tests {

using decide::LifecycleDecision;
using decide::LifecycleDeed;
using decide::LifecycleFacts;
using decide::MigrationDecision;
using decide::MigrationDeed;
using decide::MigrationFacts;
using decide::RunnerFacts;

namespace {

bool same_word(const std::optional<decide::RunnerWord>& a, const std::optional<decide::RunnerWord>& b) {
  if (!a || !b) return !a && !b;
  return a->fresh == b->fresh && a->machine == b->machine && a->migration.state == b->migration.state &&
         a->incoming_address == b->incoming_address;
}

bool same_status(const VmStatus& a, const VmStatus& b) {
  return a.phase == b.phase && a.runner == b.runner && a.why == b.why && a.restarts == b.restarts &&
         a.last_exit == b.last_exit && a.restart_at == b.restart_at && a.node == b.node;
}

bool same_status(const MigrationStatus& a, const MigrationStatus& b) {
  return a.phase == b.phase && a.why == b.why && a.progress.step == b.progress.step &&
         a.source_runner == b.source_runner && a.target_runner == b.target_runner && a.target_node == b.target_node;
}

}  // namespace

MigrationFacts VmWorld::migration_facts() const {
  MigrationFacts facts;
  facts.name = "move";
  facts.spec = migration_spec_;
  facts.status = migration_status_;
  facts.finalizer = migration_finalizer_;
  facts.vm_stopped = spec_.stopped;
  facts.vm_phase = vm_status_.phase;
  facts.vm_runner = vm_status_.runner;
  for (const auto& [name, runner] : seen_) facts.runners.push_back(runner);
  facts.fresh_name = "r" + std::to_string(names_);
  facts.reserved_node = reserved_;
  facts.copies = copies_;
  facts.never_ran = never_ran_;
  facts.began = began_;
  facts.progressed = progressed_;
  facts.now = now_;
  facts.wall = wall_;
  return facts;
}

LifecycleFacts VmWorld::lifecycle_facts(const MigrationDecision* migration) const {
  LifecycleFacts facts;
  facts.name = "web";
  facts.spec = spec_;
  facts.status = vm_status_;
  facts.finalizer = finalizer_;
  for (const auto& [name, runner] : seen_) facts.runners.push_back(runner);
  if (migration && migration->holds_vm) {
    facts.migrating = true;
    facts.migration = "move";
    facts.migrating_phase = migration->vm_phase;
    facts.migration_source = migration_status_.source_runner;
    facts.runs_at = migration->runs_at;
  }
  facts.fresh_name = "r" + std::to_string(names_);
  facts.tries = tries_;
  facts.now = now_;
  facts.wall = wall_;
  return facts;
}

bool VmWorld::write_conflicts() {
  if (conflicts_ == 0) return false;
  --conflicts_;
  return true;
}

// True: something was done, and there may be more to do.
bool VmWorld::controller_step() {
  ++names_;
  if (has_migration_ && !decide::is_over(migration_status_.phase)) {
    MigrationFacts facts = migration_facts();
    const RunnerFacts* source = decide::holder_of(facts.runners, facts.status.source_runner);
    source_heard_ |= copies_ > 0 && source && source->word && source->word->fresh;
    facts.source_heard = source_heard_;
    const MigrationDecision decision = decide_migration(facts);
    const bool acted = act_on_migration(decision);
    const bool lived = act_on_lifecycle(decide_lifecycle(lifecycle_facts(&decision)));
    return acted || lived;
  }
  return act_on_lifecycle(decide_lifecycle(lifecycle_facts(nullptr)));
}

bool VmWorld::controller_acts() {
  bool any = false;
  for (int i = 0; i < 3 && controller_step(); ++i) any = true;
  return any;
}

bool VmWorld::act_on_migration(const MigrationDecision& decision) {
  const bool changed = !same_status(decision.status, migration_status_);
  if (changed) {
    if (write_conflicts()) return true;
    if (migration_status_.phase != decision.status.phase || migration_status_.progress.step != decision.status.progress.step) {
      progressed_ = now_;
    }
    if (migration_status_.phase != MigrationPhase::running) began_ = now_;
    if (decision.status.progress.step == "switching over" && migration_status_.progress.step != "switching over") {
      never_ran_ = true;
    }
    migration_status_ = decision.status;
    history_.push_back("migration: " + std::string(to_string(migration_status_.phase)) + " " + migration_status_.progress.step +
                       " " + migration_status_.why);
  }
  const auto& step = decision.step;
  if (step.deed != MigrationDeed::none) history_.push_back(std::string("deed: ") + to_string(step.deed) + " " + step.runner);
  switch (step.deed) {
    case MigrationDeed::none: return changed;
    case MigrationDeed::add_finalizer: migration_finalizer_ = true; return true;
    case MigrationDeed::drop_finalizer: migration_finalizer_ = false; return true;
    case MigrationDeed::reserve_target: reserved_ = "n2"; return true;
    case MigrationDeed::release_target: return true;
    case MigrationDeed::start_target: start_process(step.runner, "", true); return true;
    case MigrationDeed::succeed_target: start_process(step.runner, step.predecessor, true); return true;
    case MigrationDeed::listen:
    case MigrationDeed::copy:
    case MigrationDeed::cancel_copy:
    case MigrationDeed::activate_target:
    case MigrationDeed::activate_source:
    case MigrationDeed::retire_source:
    case MigrationDeed::end_target: return give_order(step);
  }
  return changed;
}

bool VmWorld::give_order(const decide::MigrationStep& step) {
  Order order{step.deed, step.runner, "", step.unless_whole};
  const Fate fate = std::exchange(next_fate_, Fate::now);
  const auto seen = seen_.find(step.runner);
  const bool linked = seen != seen_.end() && seen->second.word && seen->second.word->fresh;
  const bool ends = step.deed == MigrationDeed::retire_source || step.deed == MigrationDeed::end_target;
  if (ends && !linked && !step.unless_whole) {  // nobody there to be asked: the orchestrator ends it
    stop_process(step.runner);
    return true;
  }
  const auto target = seen_.find(migration_status_.target_runner);
  if (target != seen_.end() && target->second.word) order.address = target->second.word->incoming_address;
  const auto runner = runners_.find(step.runner);
  const bool heard = fate == Fate::now && runner != runners_.end() && runner->second.alive;
  if (step.deed == MigrationDeed::activate_target && !heard) {
    never_ran_ = false;
    nobody_knows_ = true;
  }
  if (fate == Fate::lost) return false;
  if (fate == Fate::late) {
    late_.push_back(order);
    return false;
  }
  const bool ok = obey(order);
  if (ok && step.deed == MigrationDeed::activate_target) never_ran_ = false;
  if (fate == Fate::unheard) return false;
  // What it said before is older than its answer.
  if (linked) seen->second.word->fresh = false;
  if (ok && step.deed == MigrationDeed::copy) {
    ++copies_;
    progressed_ = now_;
  }
  return ok;
}

bool VmWorld::act_on_lifecycle(const LifecycleDecision& decision) {
  const bool changed = !same_status(decision.status, vm_status_);
  if (changed) {
    if (write_conflicts()) return true;
    if (vm_status_.phase != decision.status.phase || vm_status_.runner != decision.status.runner) {
      history_.push_back(std::string("vm: ") + to_string(decision.status.phase) + " " + decision.status.runner + " " +
                         decision.status.why);
    }
  }
  vm_status_ = decision.status;
  tries_ = decision.tries;
  const auto& step = decision.step;
  if (step.deed != LifecycleDeed::none) history_.push_back(std::string("deed: ") + to_string(step.deed) + " " + step.runner);
  switch (step.deed) {
    case LifecycleDeed::none: return changed;
    case LifecycleDeed::add_finalizer: finalizer_ = true; return true;
    case LifecycleDeed::forget_vm: return true;
    case LifecycleDeed::stop_runner: stop_process(step.runner); return true;
    case LifecycleDeed::start_runner:
    case LifecycleDeed::succeed_runner:
      // As the controller does: before anything irreversible the world itself is asked.
      if (objects_come()) return true;
      start_process(step.runner, step.predecessor, false);
      return true;
  }
  return changed;
}

void VmWorld::start_process(const std::string& name, const std::string& predecessor, bool incoming) {
  if (runners_.count(name) == 0) {
    RunnerProcess process;
    process.facts.name = name;
    process.facts.node = incoming ? "n2" : "n1";
    process.facts.run_dir = "/" + name;
    process.facts.role = incoming ? RunnerRole::target : RunnerRole::source;
    process.incoming = incoming;
    if (const auto at = runners_.find(predecessor); at != runners_.end()) {
      process.facts.run_dir = at->second.facts.run_dir;
      process.facts.node = at->second.facts.node;
      process.attach_only = true;
    }
    runners_[name] = process;
  }
  seen_[name] = runners_[name].facts;
  seen_[name].word.reset();
  seen_[name].known_since = now_;
}

void VmWorld::stop_process(const std::string& name) {
  if (const auto at = runners_.find(name); at != runners_.end()) {
    at->second.facts.deleting = true;
    at->second.stopped_by_wish |= spec_.stopped;
  }
  if (const auto at = seen_.find(name); at != seen_.end()) at->second.deleting = true;
}

// The orchestrator's word on the runners arrives; what the runners themselves said stays.
bool VmWorld::objects_come() {
  bool changed = false;
  for (auto at = seen_.begin(); at != seen_.end();) {
    changed |= runners_.count(at->first) == 0;
    at = runners_.count(at->first) == 0 ? seen_.erase(at) : std::next(at);
  }
  for (const auto& [name, runner] : runners_) {
    RunnerFacts now = runner.facts;
    const auto known = seen_.find(name);
    now.word = known == seen_.end() ? std::nullopt : known->second.word;
    now.known_since = known == seen_.end() ? now_ : known->second.known_since;
    if (now.word && !runner.alive) now.word->fresh = false;
    changed |= known == seen_.end() || known->second.phase != now.phase || known->second.deleting != now.deleting ||
               known->second.vm_ended != now.vm_ended || !same_word(known->second.word, now.word);
    seen_[name] = now;
  }
  return changed;
}

bool VmWorld::reports_come() {
  bool changed = false;
  for (auto& [name, facts] : seen_) {
    const auto at = runners_.find(name);
    if (at == runners_.end() || !at->second.alive || !at->second.facts.word) continue;
    auto word = at->second.facts.word;
    word->fresh = true;
    changed |= !same_word(facts.word, word);
    facts.word = word;
  }
  return changed;
}

void VmWorld::controller_dies() {
  seen_.clear();
  tries_ = decide::recalled(vm_status_, now_, wall_);
  reserved_.clear();
  copies_ = 0;
  source_heard_ = false;
  never_ran_ = false;
  nobody_knows_ |= migration_status_.progress.step == "switching over";
  began_ = progressed_ = now_;
  objects_come();
  for (auto& [name, facts] : seen_) facts.word.reset();
}

// What breaks by itself.
void VmWorld::fault(Deed deed, std::uint8_t which) {
  if (deed == Deed::runner_dies && !runners_.empty()) {
    RunnerProcess& runner = std::next(runners_.begin(), which % runners_.size())->second;
    if (!runner.alive) return;
    history_.push_back("runner dies: " + runner.facts.name);
    return end_runner(runner, false, false, "killed by signal 9");
  }
  if (qemus_.empty()) return;
  const auto& [dir, qemu] = *std::next(qemus_.begin(), which % qemus_.size());
  if (deed == Deed::qemu_dies) {
    history_.push_back("qemu dies: " + dir);
    kill_qemu(dir, "killed", false);
  } else if (deed == Deed::guest_powers_off && qemu.state == Qemu::State::running) {
    kill_qemu(dir, "power-off", false);
  }
}

void VmWorld::copies_end(bool well) {
  for (auto& [dir, qemu] : qemus_) {
    if (qemu.state != Qemu::State::running || qemu.migration != MigrationState::active) continue;
    history_.push_back(well ? "copy ends well" : "copy fails");
    copy_ends(qemu, well);
  }
}

void VmWorld::new_migration() {
  if (has_migration_ && !decide::is_over(migration_status_.phase)) return;
  has_migration_ = true;
  migration_finalizer_ = false;
  migration_spec_ = {};
  migration_status_ = {};
  reserved_.clear();
  copies_ = 0;
  source_heard_ = false;
  nobody_knows_ = false;
  history_.push_back("migrate");
}

void VmWorld::late_orders() {
  for (const Order& order : std::exchange(late_, {})) {
    history_.push_back(std::string("late: ") + to_string(order.deed) + " " + order.runner);
    (void)obey(order);
    // Some come twice.
    if (history_.size() % 3 == 0) (void)obey(order);
  }
}

void VmWorld::happen(Deed deed, std::uint8_t which) {
  switch (deed) {
    case Deed::controller_acts: controller_acts(); break;
    case Deed::controller_dies: controller_dies(); history_.push_back("controller dies"); break;
    case Deed::reports_come: reports_come(); break;
    case Deed::objects_come: objects_come(); break;
    case Deed::runner_works:
      if (!runners_.empty()) runner_works(std::next(runners_.begin(), which % runners_.size())->second);
      break;
    case Deed::copy_ends_well: copies_end(true); break;
    case Deed::copy_fails: copies_end(false); break;
    case Deed::runner_dies:
    case Deed::qemu_dies:
    case Deed::guest_powers_off: fault(deed, which); break;
    case Deed::order_late: next_fate_ = Fate::late; break;
    case Deed::order_lost: next_fate_ = Fate::lost; break;
    case Deed::answer_lost: next_fate_ = Fate::unheard; break;
    case Deed::late_orders_done: late_orders(); break;
    case Deed::write_conflicts: conflicts_ = 1; break;
    case Deed::migrate: new_migration(); break;
    case Deed::cancel: migration_spec_.cancel = has_migration_; break;
    case Deed::stop_vm: spec_.stopped = true; break;
    case Deed::start_vm: spec_.stopped = false; break;
    case Deed::time_passes: now_ += std::chrono::seconds(1 + which % 40); wall_ += std::chrono::seconds(1 + which % 40); break;
    case Deed::stops_done: do_stops(); break;
    case Deed::link_breaks:
      for (auto& [name, facts] : seen_) {
        if (facts.word) facts.word->fresh = false;
      }
      break;
    case Deed::count: break;
  }
  check();
}

bool VmWorld::settle() {
  next_fate_ = Fate::now;
  conflicts_ = 0;
  int quiet = 0;
  for (int round = 0; round < 400; ++round) {
    happen(Deed::late_orders_done, 0);
    for (std::size_t i = 0; i < runners_.size(); ++i) happen(Deed::runner_works, static_cast<std::uint8_t>(i));
    for (auto& [name, runner] : runners_) retell(runner);
    bool moved = objects_come();
    moved |= reports_come();
    moved |= controller_acts();
    const auto before = runners_.size();
    do_stops();
    moved |= runners_.size() != before;
    happen(Deed::copy_ends_well, 0);
    if (!violation_.empty()) return true;
    if (moved) {
      quiet = 0;
      continue;
    }
    happen(Deed::time_passes, 39);
    if (++quiet > 16) return true;  // longer than any restart, stall or limit of the ladders
  }
  return false;
}

}  // namespace neonvm::tests
