#include "core/decide/migration.hpp"

#include <utility>

namespace neonvm::decide {
namespace {

constexpr const char* step_preparing = "preparing target";
constexpr const char* step_copying = "copying";
constexpr const char* step_switching = "switching over";
constexpr const char* step_cleaning = "cleaning up";
const std::string step_undoing = "undoing: ";
const std::string given_up = "; the target is given up";

bool is_gone(const RunnerFacts* runner) { return !runner || runner->vm_ended; }

// The source stands still for good: its memory has left.
bool is_done(const RunnerFacts* source) { return source && source->word && source->word->machine == MachinePhase::migrated_away; }

bool is_copying(MigrationState state) {
  return state == MigrationState::setup || state == MigrationState::active || state == MigrationState::switching;
}

class Ladder {
 public:
  explicit Ladder(const MigrationFacts& facts) : facts_(facts), runners_(facts.runners) {
    share_ends(runners_);
    decision_.status = facts.status;
  }

  MigrationDecision decide() {
    if (is_over(facts_.status.phase)) {
      if (facts_.deleting && facts_.finalizer) take(MigrationDeed::drop_finalizer, "", {"over", "nothing of it is left"});
    } else if (!facts_.finalizer && !facts_.deleting) {
      take(MigrationDeed::add_finalizer, "", {"finalizer", "hold the object until its target is cleaned up"});
    } else if (facts_.status.phase == MigrationPhase::running) {
      begun();
    } else {
      status().phase = MigrationPhase::pending;
      pending();
    }
    return std::move(decision_);
  }

 private:
  MigrationStatus& status() { return decision_.status; }
  [[nodiscard]] bool at(const std::string& step) const { return facts_.status.progress.step == step; }
  [[nodiscard]] bool undoing() const { return facts_.status.progress.step.rfind(step_undoing, 0) == 0; }
  [[nodiscard]] bool target_given_up() const {
    const std::string& step = facts_.status.progress.step;
    return undoing() && step.size() >= given_up.size() && step.compare(step.size() - given_up.size(), given_up.size(), given_up) == 0;
  }
  [[nodiscard]] std::string undo_reason() const {
    const std::string& step = facts_.status.progress.step;
    return step.substr(step_undoing.size(), step.size() - step_undoing.size() - (target_given_up() ? given_up.size() : 0));
  }

  void take(MigrationDeed deed, const std::string& runner, Because because) {
    decision_.step = {deed, runner, "", std::move(because), false};
  }
  // An order to a runner; after a refusal not at once again.
  void order(MigrationDeed deed, const std::string& runner, Because because) {
    if (facts_.order_due && *facts_.order_due > facts_.now) return look_again(*facts_.order_due);
    take(deed, runner, std::move(because));
  }
  void look_again(Instant when) {
    if (!decision_.look_again || when < *decision_.look_again) decision_.look_again = when;
  }
  void wait(const std::string& why) { status().why = why; }

  void finish(MigrationPhase phase, const std::string& why) {
    status().phase = phase;
    status().why = why;
    status().ended = facts_.wall;
    status().progress.step.clear();
    decision_.holds_vm = false;
    const bool came_to_nothing = phase != MigrationPhase::succeeded && !status().target_runner.empty();
    if (came_to_nothing) take(MigrationDeed::release_target, status().target_runner, {"over", why});
  }

  // Pending ---------------------------------------------------------------------------------------------------------

  void pending() {
    if (facts_.deleting || facts_.spec.cancel) return finish(MigrationPhase::cancelled, "cancelled before it began");
    if (!facts_.vm_exists) return finish(MigrationPhase::failed, "VM " + facts_.spec.vm + " does not exist");
    if (facts_.vm_deleting) return finish(MigrationPhase::failed, "VM " + facts_.spec.vm + " is being deleted");
    const bool ended = facts_.vm_phase == Phase::stopped || facts_.vm_phase == Phase::succeeded ||
                       facts_.vm_phase == Phase::failed;
    if (facts_.vm_stopped || ended) {
      return finish(MigrationPhase::failed, "VM " + facts_.spec.vm + " does not run: there is nothing to move");
    }
    if (facts_.another_running) return wait("another migration of this VM is under way");
    const RunnerFacts* source = holder_of(runners_, facts_.vm_runner);
    if (!source || !is_running(*source) || !source->word->fresh) return wait("waits until the VM runs");
    if (facts_.spec.prevent_same_node && facts_.spec.target_node == source->node) {
      return finish(MigrationPhase::failed, "the VM runs on " + source->node + " already");
    }
    status().source_runner = source->name;
    status().source_node = source->node;
    if (status().target_runner.empty()) status().target_runner = facts_.fresh_name;
    if (source->word->resizing) return wait("waits until the VM's resize has ended");
    find_place(*source);
  }

  void find_place(const RunnerFacts& source) {
    if (facts_.reserved_node.empty()) {
      if (facts_.refused) {
        wait(facts_.refused->why);
        if (!facts_.refused->retry_at) return;
        if (*facts_.refused->retry_at > facts_.now) return look_again(*facts_.refused->retry_at);
      }
      return take(MigrationDeed::reserve_target, status().target_runner, {"place", "needs a node other than " + source.node});
    }
    if (facts_.spec.prevent_same_node && facts_.reserved_node == source.node) {
      return finish(MigrationPhase::failed, "the VM came to " + source.node + " by itself");
    }
    status().target_node = facts_.reserved_node;
    status().phase = MigrationPhase::running;
    status().why.clear();
    status().started = facts_.wall;
    status().progress.step = step_preparing;
    decision_.holds_vm = true;
  }

  // Running ---------------------------------------------------------------------------------------------------------

  void begun() {
    source_ = holder_of(runners_, facts_.status.source_runner);
    target_ = holder_of(runners_, facts_.status.target_runner);
    if (!facts_.vm_exists || facts_.vm_deleting) return finish(MigrationPhase::failed, "its VM was deleted");
    decision_.holds_vm = true;
    decision_.vm_phase = at(step_preparing) ? Phase::pre_migrating : Phase::migrating;
    status().why.clear();
    note_progress();
    if ((target_ && is_running(*target_)) || at(step_cleaning)) return arrived();
    if (target_given_up() && is_done(source_) && !is_gone(target_)) return take_back();
    if (is_done(source_) && at(step_preparing)) return left_before();
    if (is_done(source_) || at(step_switching)) return switch_over();
    if (is_gone(source_)) return source_ended();
    if (is_lost(*source_)) return wait("the source's runner vanished; its successor will tell how things stand");
    if (!source_->word || !source_->word->fresh) return wait("waits for a word from the source");
    if (undoing()) return undo();
    const std::string reason = reason_to_undo();
    if (!reason.empty()) {
      status().progress.step = step_undoing + reason;
      return;
    }
    if (at(step_copying)) return copy();
    prepare();
  }

  void note_progress() {
    if (!source_ || !source_->word || at(step_preparing)) return;
    const std::string step = status().progress.step;
    status().progress = source_->word->migration.progress;
    status().progress.step = step;
  }

  std::string reason_to_undo() {
    const Duration age = facts_.now - facts_.began;
    if (facts_.deleting || facts_.spec.cancel) return "cancelled by request";
    if (facts_.vm_stopped) return "the VM is to be stopped";
    if (target_ && target_->vm_ended) return "the target ended: " + target_->exit_reason;
    if (target_ && is_lost(*target_)) return "the target's runner vanished: " + target_->exit_reason;
    if (target_ && target_->deleting) return "the target is being stopped";
    if (age >= facts_.spec.timeout) return "it took longer than its timeout";
    look_again(facts_.began + facts_.spec.timeout);
    if (at(step_preparing)) {
      const bool hopeless = facts_.refused && !target_;
      if (hopeless) return "the target cannot be started: " + facts_.refused->why;
      if (age >= prepare_limit) return "the target did not come to listen in time";
      look_again(facts_.began + prepare_limit);
      return {};
    }
    if (!target_) return "the target is gone";
    const MigrationReport& report = source_->word->migration;
    if (facts_.copies > 0 && report.state == MigrationState::failed) return "the copy failed: " + report.why;
    if (facts_.copies > 0 && report.state == MigrationState::cancelled) return "the copy was cancelled at the source";
    if (facts_.now - facts_.progressed >= stall_limit) return "nothing was copied for too long";
    look_again(facts_.progressed + stall_limit);
    return {};
  }

  void prepare() {
    if (!target_) return take(MigrationDeed::start_target, status().target_runner, {"target", "nobody waits there yet"});
    if (!target_->word || !target_->word->fresh) return wait("waits for a word from the target");
    if (target_->word->machine != MachinePhase::incoming) return wait("the target's machine is starting");
    if (target_->word->incoming_address.empty()) {
      return order(MigrationDeed::listen, target_->name, {"listen", "the target is ready to hear the source"});
    }
    status().progress.step = step_copying;
  }

  // A failure that stands from an earlier try looks like one of this: until this controller has seen the source take
  // an order, ordering again is right, for the target only listens while nothing has come.
  void copy() {
    if (is_copying(source_->word->migration.state)) return;
    if (facts_.copies > 0 && source_->word->migration.state == MigrationState::none) return;
    if (!target_->word || !target_->word->fresh) return wait("waits for a word from the target");
    if (target_->word->incoming_address.empty()) {
      return order(MigrationDeed::listen, target_->name, {"listen", "the target has closed its ear"});
    }
    order(MigrationDeed::copy, source_->name, {"copy", "the target listens"});
  }

  // The way back ----------------------------------------------------------------------------------------------------

  void undo() {
    if (is_copying(source_->word->migration.state)) {
      return order(MigrationDeed::cancel_copy, source_->name, {"undo", undo_reason()});
    }
    if (!is_gone(target_)) return give_up_target();
    if (source_->word->machine == MachinePhase::paused) {
      return order(MigrationDeed::activate_source, source_->name, {"undo", "the target is gone and the source stands still"});
    }
    const bool wished = facts_.deleting || facts_.spec.cancel;
    finish(wished ? MigrationPhase::cancelled : MigrationPhase::failed, undo_reason() + "; the VM runs on at " + source_->node);
  }

  // Written before the first order to end it: an order may come late, and must not find there a VM that runs.
  void give_up_target() {
    if (!target_given_up()) {
      status().progress.step += given_up;
      return;
    }
    if (!target_->deleting) order(MigrationDeed::end_target, target_->name, {"undo", undo_reason()});
  }

  // The copy came to its end all the same. The target may end at any moment, so the source gets its VM back.
  void take_back() {
    if (target_->deleting) return wait("the target is being stopped");
    give_up_target();
  }

  void succeed_target(const std::string& why) {
    order(MigrationDeed::succeed_target, successor_name(), {"target.lost", why});
    decision_.step.predecessor = target_->name;
  }

  void source_ended() {
    const std::string how = source_ ? source_->exit_reason : "its runner is gone";
    if (has_all(target_)) {
      status().progress.step = step_switching;
      return wait("the source ended after everything had arrived");
    }
    if (!is_gone(target_)) {
      const bool may_have_all = !at(step_preparing) && !target_given_up() && !target_->deleting;
      if (may_have_all && is_lost(*target_)) return succeed_target("its QEMU may hold the whole VM");
      if (may_have_all && !(target_->word && target_->word->fresh)) return wait("waits for the target to tell what has arrived");
      // Its last word may be older than the source's end.
      const Instant surely = facts_.progressed + stall_limit;
      if (may_have_all && target_->word->migration.state != MigrationState::failed && facts_.now < surely) {
        look_again(surely);
        return wait("waits whether everything has arrived at the target");
      }
      if (target_->deleting) return;
      order(MigrationDeed::end_target, target_->name, {"source.ended", how});
      decision_.step.unless_whole = may_have_all;
      return;
    }
    finish(MigrationPhase::failed, "the VM ended at the source: " + how);
  }

  // Everything came, and the source is not known to have gone on afterwards.
  bool has_all(const RunnerFacts* target) const {
    if (!target || !is_held(*target) || target->deleting || !target->word) return false;
    if (target->word->migration.state != MigrationState::completed) return false;
    if (!source_ || !source_->word) return true;
    // A source goes on by itself only after a copy that failed or was cancelled; one that failed before says nothing here.
    if (!facts_.source_heard && !undoing()) return true;
    const MigrationState last = source_->word->migration.state;
    return last != MigrationState::failed && last != MigrationState::cancelled;
  }

  // The point of no return ------------------------------------------------------------------------------------------

  void switch_over() {
    if (is_gone(target_)) return at(step_switching) && !facts_.never_ran ? arrived() : turn_back();
    if (target_->deleting) return wait("the target is being stopped");
    if (is_lost(*target_)) return succeed_target("its QEMU may hold the whole VM");
    if (!at(step_switching)) {
      status().progress.step = step_switching;
      return;
    }
    if (!is_done(source_) && !is_gone(source_)) {
      const bool runs_on = is_running(*source_) && source_->word->fresh;
      if (!runs_on) return wait("waits until the source is known to stand still");
      status().progress.step = step_undoing + "the source runs on";
      return;
    }
    if (!target_->word || !target_->word->fresh) return wait("waits for a word from the target");
    order(MigrationDeed::activate_target, target_->name, {"activate", "the source stands still and the target has the VM"});
  }

  // The same from every controller that comes to it, so that a successor is never made twice.
  std::string successor_name() const {
    std::string name = target_->name;
    while (find_runner(runners_, name)) name += "x";
    return name;
  }

  // The source has completed, and the target died before anybody told it to run.
  void turn_back() {
    if (is_gone(source_)) return finish(MigrationPhase::failed, "source and target have both ended");
    if (is_lost(*source_)) return wait("the source's runner vanished; its successor will take the VM back");
    if (!source_->word || !source_->word->fresh) return wait("waits for a word from the source");
    if (!undoing()) {
      status().progress.step = step_undoing + "the target ended before it took over";
      return;
    }
    order(MigrationDeed::activate_source, source_->name, {"undo", "the target is gone and never ran"});
  }

  // The source has sent its VM away, and not to this target, which was never its: a copy of before completed late. Where
  // nobody can have that copy any more, the source has the last one.
  void left_before() {
    for (const RunnerFacts& other : runners_) {
      const bool side = &other == source_ || &other == target_ || is_superseded(other, runners_);
      if (side || !may_live(other)) continue;
      return wait("the VM has left " + source_->node + " already, perhaps to runner " + other.name);
    }
    if (is_gone(target_)) return turn_back();
    if (!target_->deleting) order(MigrationDeed::end_target, target_->name, {"left.before", "nothing will come to it"});
  }

  void arrived() {
    decision_.runs_at = target_ ? target_->name : facts_.status.target_runner;
    if (!at(step_cleaning)) {
      status().progress.step = step_cleaning;
      return;
    }
    if (target_ && facts_.vm_runner != target_->name) return;  // the lifecycle writes it first
    if (!is_gone(source_)) {
      // Post-copy: the VM runs there while pages are still here.
      const bool still_sends = is_held(*source_) && source_->word && is_copying(source_->word->migration.state);
      if (still_sends && !is_gone(target_)) return wait("the rest of its memory is on its way");
      retire();
      return;
    }
    if (is_gone(target_)) {
      return finish(MigrationPhase::failed, "the VM ended at the target: " +
                                                (target_ ? target_->exit_reason : std::string("its runner is gone")));
    }
    finish(MigrationPhase::succeeded, "");
  }

  // Its lost predecessors first: nobody could tell later that their QEMU has ended with it. The one by whose name the
  // others are known stays till the end.
  void retire() {
    const RunnerFacts* next = source_;
    for (const RunnerFacts& other : runners_) {
      const bool kin = !source_->run_dir.empty() && other.run_dir == source_->run_dir;
      if (kin && &other != source_ && other.name != status().source_runner) next = &other;
    }
    if (!next->deleting) order(MigrationDeed::retire_source, next->name, {"arrived", "the VM runs at the target"});
  }

  const MigrationFacts& facts_;
  std::vector<RunnerFacts> runners_;
  const RunnerFacts* source_ = nullptr;
  const RunnerFacts* target_ = nullptr;
  MigrationDecision decision_;
};

}  // namespace

bool is_over(MigrationPhase phase) {
  return phase == MigrationPhase::succeeded || phase == MigrationPhase::failed || phase == MigrationPhase::cancelled;
}

const char* to_string(MigrationDeed deed) {
  switch (deed) {
    case MigrationDeed::none: return "none";
    case MigrationDeed::add_finalizer: return "add finalizer";
    case MigrationDeed::drop_finalizer: return "drop finalizer";
    case MigrationDeed::reserve_target: return "reserve target";
    case MigrationDeed::release_target: return "release target";
    case MigrationDeed::start_target: return "start target";
    case MigrationDeed::listen: return "listen";
    case MigrationDeed::copy: return "copy";
    case MigrationDeed::cancel_copy: return "cancel copy";
    case MigrationDeed::activate_target: return "activate target";
    case MigrationDeed::activate_source: return "activate source";
    case MigrationDeed::succeed_target: return "succeed target";
    case MigrationDeed::retire_source: return "retire source";
    case MigrationDeed::end_target: return "end target";
  }
  return "?";
}

MigrationDecision decide_migration(const MigrationFacts& facts) { return Ladder(facts).decide(); }

}  // namespace neonvm::decide
