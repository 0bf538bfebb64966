#include "core/decide/lifecycle.hpp"

#include <algorithm>
#include <utility>

#include "core/decide/lifecycle_status.hpp"

namespace neonvm::decide {
namespace {

bool policy_restarts(RestartPolicy policy, bool clean) {
  switch (policy) {
    case RestartPolicy::always: return true;
    case RestartPolicy::on_failure: return !clean;
    case RestartPolicy::never: return false;
  }
  return false;
}

class Ladder {
 public:
  explicit Ladder(const LifecycleFacts& facts) : facts_(facts), runners_(facts.runners) {
    share_ends(runners_);
    decision_.status = facts.status;
    decision_.tries = facts.tries;
  }

  LifecycleDecision decide() {
    if (facts_.deleting) {
      release();
    } else if (!facts_.finalizer) {
      take(LifecycleDeed::add_finalizer, "", {"finalizer", "hold the object until everything of it is cleaned up"});
    } else {
      live();
      settle_conditions(current_, available_reason_, facts_.tend_why, facts_.wall, decision_.status);
    }
    return std::move(decision_);
  }

 private:
  VmStatus& status() { return decision_.status; }
  Tries& tries() { return decision_.tries; }

  void take(LifecycleDeed deed, const std::string& runner, Because because) {
    decision_.step = {deed, runner, "", {}, std::move(because)};
  }
  void look_again(Instant when) {
    if (!decision_.look_again || when < *decision_.look_again) decision_.look_again = when;
  }

  void live() {
    current_ = find_current();
    if (!facts_.runs_at.empty() && current_ && !successor_is_named()) status().runner = current_->name;
    // A stop waits for a migration: cutting it in the middle could leave the VM with no whole copy to stop in order.
    if (facts_.spec.stopped && !facts_.migrating && !(current_ && is_lost(*current_))) return stop_all();
    if (!current_) return absent();
    if (is_held(*current_)) return held();
    if (is_lost(*current_)) return lost();
    ended(current_->phase == RunnerPhase::succeeded, current_->exit_reason);
  }

  // A lost runner's successor keeps the name that it was given, until it is there.
  bool successor_is_named() const {
    return is_lost(*current_) && !facts_.status.runner.empty() && !find_runner(runners_, facts_.status.runner);
  }

  // The runner that has the VM: the named one or its successor, unless another one runs it by its own word.
  const RunnerFacts* find_current() const {
    const RunnerFacts* named = holder_of(runners_, facts_.runs_at.empty() ? facts_.status.runner : facts_.runs_at);
    if (facts_.migrating) return named || !facts_.runs_at.empty() ? named : holder_of(runners_, facts_.migration_source);
    if (named && is_running(*named)) return named;
    const auto found = [this](auto matches) -> const RunnerFacts* {
      const auto at = std::find_if(runners_.begin(), runners_.end(), matches);
      return at == runners_.end() ? nullptr : &*at;
    };
    if (const auto* running = found([](const RunnerFacts& r) { return is_running(r) && !r.deleting; })) return running;
    if (named) return named;
    if (const auto* starting = found([](const RunnerFacts& r) { return is_held(r) && !r.deleting; })) return starting;
    return last_lost();
  }

  // The runner that the VM was with last is the one that was made last.
  const RunnerFacts* last_lost() const {
    const RunnerFacts* last = nullptr;
    for (const RunnerFacts& runner : runners_) {
      if (!is_lost(runner) || is_superseded(runner, runners_)) continue;
      if (!last || runner.known_since > last->known_since) last = &runner;
    }
    return last;
  }

  void held() {
    observe(*current_, facts_, status());
    if (is_blocked(*current_) && status().phase == Phase::pending) available_reason_ = "StartBlocked";
    note_health();
    if (facts_.migrating) return;
    if (is_stranded()) {
      return stop(*current_, Duration::zero(), {"stranded", "its migration is gone and nothing will arrive"});
    }
    if (is_mute()) {
      clear_runner(status());
      return stop(*current_, Duration::zero(), {"mute", "it has not said a word since it was started"});
    }
    clear_strays();
  }

  // A runner that never spoke and whose VM was never seen: there is nothing to lose in it, and all to wait for.
  bool is_mute() {
    if (current_->word || current_->deleting || status().phase != Phase::pending) return false;
    const Instant due = current_->known_since + start_patience;
    if (due > facts_.now) look_again(due);
    return due <= facts_.now;
  }

  // A machine that waits for a migration which nobody makes.
  bool is_stranded() const {
    if (!current_->word || !current_->word->fresh || current_->deleting) return false;
    return current_->word->machine == MachinePhase::incoming || current_->word->machine == MachinePhase::migrated_away;
  }

  void note_health() {
    if (!is_running(*current_)) return;
    tries().refused.reset();
    tries().due.reset();
    if (!tries().ran_since) tries().ran_since = facts_.now;
    if (tries().streak == 0 && !status().restart_at) return;
    const Instant healthy = *tries().ran_since + healthy_after;
    if (healthy > facts_.now) return look_again(healthy);
    tries().streak = 0;
    status().restart_at.reset();
  }

  // The only one to know that the QEMU of its predecessors has ended: kept until they are gone.
  bool is_witness(const RunnerFacts& runner) const {
    const RunnerFacts* own = find_runner(facts_.runners, runner.name);
    if (!own || !own->vm_ended || own->run_dir.empty()) return false;
    return std::any_of(facts_.runners.begin(), facts_.runners.end(), [own](const RunnerFacts& other) {
      return other.run_dir == own->run_dir && !other.vm_ended;
    });
  }

  // Lets go of runners that are not the VM's any more. One a pass; the caller comes back.
  void clear_strays() {
    for (const RunnerFacts& stray : runners_) {
      if (&stray == current_ || stray.deleting || is_superseded(stray, runners_) || is_witness(stray)) continue;
      const bool sure = stray.vm_ended || (current_ && is_running(*current_)) ||
                        (stray.word && stray.word->machine != MachinePhase::running && holder_of(runners_, stray.name) == &stray);
      if (sure) return stop(stray, Duration::zero(), {"stray", "the VM is not held by it any more"});
    }
  }

  void stop(const RunnerFacts& runner, Duration grace, Because because) {
    take(LifecycleDeed::stop_runner, runner.name, std::move(because));
    decision_.step.grace = grace;
  }

  void lost() {
    status().why = "runner " + current_->name + " vanished: " + current_->exit_reason;
    status().guest_connected = false;
    const bool named = !status().runner.empty() && !find_runner(runners_, status().runner);
    if (!named) {
      status().runner = facts_.fresh_name;
      note_loss();
    }
    if (tries().due && *tries().due > facts_.now) return look_again(*tries().due);
    if (tries().refused) {
      status().why += "; its successor cannot be started: " + tries().refused->why;
      if (!tries().refused->retry_at) return;
      if (*tries().refused->retry_at > facts_.now) return look_again(*tries().refused->retry_at);
    }
    succeed();
  }

  // The first successor comes at once, the next ones wait: a runner that cannot live must not be started in a whirl.
  void note_loss() {
    ++tries().streak;
    tries().ran_since.reset();
    tries().due = facts_.now + (tries().streak > 1 ? restart_delay(tries().streak - 1) : Duration::zero());
  }

  void succeed() {
    take(LifecycleDeed::succeed_runner, status().runner,
         {"runner.lost", "runner " + current_->name + " vanished and its QEMU may live: take hold of it"});
    decision_.step.predecessor = current_->name;
  }

  void ended(bool clean, const std::string& reason) {
    if (facts_.migrating) {
      status().why = "ended during its migration: " + reason;
      return;  // the migration ladder clears its runners away first
    }
    status().last_exit = reason.empty() ? "unknown" : reason;
    clear_runner(status());
    tries().ran_since.reset();
    tries().refused.reset();
    if (policy_restarts(facts_.spec.restart_policy, clean)) {
      note_restart();
    } else {
      status().phase = clean ? Phase::succeeded : Phase::failed;
      status().why = status().last_exit;
    }
    current_ = nullptr;
    clear_strays();
  }

  void note_restart() {
    ++tries().streak;
    ++status().restarts;
    const Duration delay = restart_delay(tries().streak);
    tries().due = facts_.now + delay;
    status().restart_at = facts_.wall + std::chrono::duration_cast<std::chrono::milliseconds>(delay);
    status().phase = Phase::pending;
    wait_for_restart();
  }

  void wait_for_restart() {
    available_reason_ = "Restarting";
    status().why = status().last_exit + "; restart " + std::to_string(status().restarts) + " is due";
    look_again(*tries().due);
  }

  void absent() {
    if (facts_.migrating) return;
    switch (facts_.status.phase) {
      case Phase::running:
      case Phase::scaling:
      case Phase::pre_migrating:
      case Phase::migrating: return ended(false, "its runner " + facts_.status.runner + " is gone");
      case Phase::succeeded:
      case Phase::failed:
        if (!policy_restarts(facts_.spec.restart_policy, facts_.status.phase == Phase::succeeded)) return clear_strays();
        return note_restart();
      case Phase::stopped:
      case Phase::none: begin(); break;
      case Phase::pending: break;
    }
    start();
  }

  // A life that begins by somebody's wish owes nothing to the last one's end.
  void begin() {
    tries() = Tries{};
    status().phase = Phase::pending;
    status().restart_at.reset();
    status().why.clear();
  }

  void start() {
    for (const RunnerFacts& other : runners_) {
      if (!may_live(other)) continue;
      status().why = "waits until runner " + other.name + " has ended";
      return clear_strays();
    }
    // A name that was on a node may have had its life.
    if (!status().node.empty()) clear_runner(status());
    if (tries().due && *tries().due > facts_.now) return wait_for_restart();
    if (tries().refused) {
      const Refusal& refused = *tries().refused;
      available_reason_ = refused.reason;
      status().why = refused.why;
      if (!refused.retry_at) return clear_strays();
      if (*refused.retry_at > facts_.now) return look_again(*refused.retry_at);
    } else {
      status().why = "is being started";
    }
    if (status().runner.empty()) status().runner = facts_.fresh_name;
    take(LifecycleDeed::start_runner, status().runner, {"start", "no runner has the VM"});
  }

  void stop_all() {
    const auto order = [this](Duration grace, auto matches) {
      for (const RunnerFacts& runner : runners_) {
        if (matches(runner) && !runner.deleting) {
          return stop(runner, &runner == current_ ? grace : Duration::zero(), {"stopped", "the spec says stopped"});
        }
      }
    };
    if (current_ && is_held(*current_)) observe(*current_, facts_, status());
    status().why = "is being stopped";
    if (std::any_of(runners_.begin(), runners_.end(), is_held)) return order(facts_.spec.grace, is_held);
    if (current_) status().last_exit = current_->exit_reason;
    if (!runners_.empty()) return order(Duration::zero(), [](const RunnerFacts&) { return true; });
    clear_runner(status());
    tries() = Tries{};
    status().restart_at.reset();
    status().phase = Phase::stopped;
    status().why = "stopped by its owner";
  }

  void release() {
    if (!facts_.finalizer) return;
    const bool any_held = std::any_of(runners_.begin(), runners_.end(), is_held);
    for (const RunnerFacts& runner : runners_) {
      if (runner.deleting || (any_held && !is_held(runner))) continue;
      return stop(runner, facts_.spec.grace, {"deleted", "the VM is being deleted"});
    }
    if (!runners_.empty()) {
      status().why = "is being deleted: waits until runner " + runners_.front().name + " has ended";
      return;
    }
    take(LifecycleDeed::forget_vm, "", {"deleted", "nothing of it runs any more"});
  }

  const LifecycleFacts& facts_;
  std::vector<RunnerFacts> runners_;
  const RunnerFacts* current_ = nullptr;
  std::string available_reason_;
  LifecycleDecision decision_;
};

}  // namespace

const char* to_string(LifecycleDeed deed) {
  switch (deed) {
    case LifecycleDeed::none: return "none";
    case LifecycleDeed::add_finalizer: return "add finalizer";
    case LifecycleDeed::start_runner: return "start runner";
    case LifecycleDeed::succeed_runner: return "succeed runner";
    case LifecycleDeed::stop_runner: return "stop runner";
    case LifecycleDeed::forget_vm: return "forget vm";
  }
  return "?";
}

LifecycleDecision decide_lifecycle(const LifecycleFacts& facts) { return Ladder(facts).decide(); }

void note_place(LifecycleDecision& decision, const std::string& node, WallTime wall) {
  decision.status.node = node;
  decision.status.why = being_started(decision.step.runner);
  settle_conditions(nullptr, "", "", wall, decision.status);
}

}  // namespace neonvm::decide
