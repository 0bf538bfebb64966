#include "tests/core/decide/migration/vm_world.hpp"

#include <algorithm>

namespace neonvm::tests {

using decide::RunnerFacts;
using decide::RunnerWord;

namespace {

MachinePhase phase_of(Qemu::State state) {
  switch (state) {
    case Qemu::State::running: return MachinePhase::running;
    case Qemu::State::incoming: return MachinePhase::incoming;
    case Qemu::State::loaded: return MachinePhase::incoming;
    case Qemu::State::postmigrate: return MachinePhase::migrated_away;
    case Qemu::State::dead: return MachinePhase::gone;
  }
  return MachinePhase::gone;
}

}  // namespace

VmWorld::VmWorld(RestartPolicy policy) {
  spec_.restart_policy = policy;
  wall_ = WallTime(std::chrono::hours(24 * 365 * 50));
}

void VmWorld::violate(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

Qemu* VmWorld::qemu_of(const RunnerProcess& runner) {
  const auto at = qemus_.find(runner.facts.run_dir);
  return at == qemus_.end() || at->second.state == Qemu::State::dead ? nullptr : &at->second;
}

std::size_t VmWorld::whole_copies() const {
  return static_cast<std::size_t>(std::count_if(qemus_.begin(), qemus_.end(), [](const auto& entry) {
    return entry.second.whole && entry.second.state != Qemu::State::dead;
  }));
}

void VmWorld::check() {
  const auto running = std::count_if(qemus_.begin(), qemus_.end(),
                                     [](const auto& entry) { return entry.second.state == Qemu::State::running; });
  if (running > 1) violate("two QEMUs run the VM");
}

// What the runner would report now.
void VmWorld::retell(RunnerProcess& runner) {
  if (!runner.alive || !runner.has_machine) return;
  const auto at = qemus_.find(runner.facts.run_dir);
  if (at == qemus_.end()) return;
  RunnerWord word;
  word.machine = phase_of(at->second.state);
  word.migration.state = at->second.migration;
  word.cpu = {spec_.cpu.use, spec_.cpu.use, true, ""};
  word.memory = {spec_.memory.use, spec_.memory.use, true, ""};
  if (at->second.listening) word.incoming_address = runner.facts.run_dir;
  runner.facts.word = word;
}

// One turn of a runner: begin, take hold, notice that QEMU has gone.
void VmWorld::runner_works(RunnerProcess& runner) {
  if (!runner.alive) return;
  Qemu* qemu = qemu_of(runner);
  if (!runner.has_machine) {
    if (qemu) {
      runner.has_machine = true;
    } else if (runner.attach_only) {
      return end_runner(runner, false, true, "QEMU was gone");
    } else {
      const bool lives = std::any_of(qemus_.begin(), qemus_.end(),
                                     [](const auto& entry) { return entry.second.state != Qemu::State::dead; });
      if (lives && !runner.incoming) violate("a second QEMU was started on one disk");
      Qemu fresh;
      fresh.state = runner.incoming ? Qemu::State::incoming : Qemu::State::running;
      fresh.whole = !runner.incoming;
      qemus_[runner.facts.run_dir] = fresh;
      runner.has_machine = true;
      if (!runner.incoming) ++boots_;
    }
    runner.facts.phase = RunnerPhase::running;
    runner.facts.endpoint = "fake:" + runner.facts.name;
  } else if (!qemu) {
    const Qemu& dead = qemus_[runner.facts.run_dir];
    return end_runner(runner, dead.clean_end, true, dead.clean_end ? "guest powered off" : "QEMU killed");
  }
  retell(runner);
}

void VmWorld::end_runner(RunnerProcess& runner, bool clean, bool vm_ended, const std::string& why) {
  runner.alive = false;
  if (runner.facts.word) runner.facts.word->fresh = false;
  runner.facts.phase = clean ? RunnerPhase::succeeded : RunnerPhase::failed;
  runner.facts.vm_ended = vm_ended;
  runner.facts.exit_reason = why;
}

void VmWorld::kill_qemu(const std::string& run_dir, const std::string& how, bool by_controller) {
  const auto at = qemus_.find(run_dir);
  if (at == qemus_.end() || at->second.state == Qemu::State::dead) return;
  const std::size_t before = whole_copies();
  const Qemu old = at->second;
  at->second.state = Qemu::State::dead;
  at->second.whole = false;
  at->second.listening = false;
  at->second.clean_end = how == "power-off";
  if (old.migration == MigrationState::setup || old.migration == MigrationState::active) {
    qemus_[old.copies_to].state = Qemu::State::dead;  // the stream breaks off
  }
  for (auto& [dir, source] : qemus_) {
    const bool was_sending = source.copies_to == run_dir && source.migration == MigrationState::active;
    if (was_sending) source.migration = MigrationState::failed;
  }
  if (before == 0 || whole_copies() > 0) return;
  if (by_controller && !spec_.stopped && !nobody_knows_) violate("the controller ended the last whole copy: " + how);
}

void VmWorld::do_stops() {
  for (auto at = runners_.begin(); at != runners_.end();) {
    RunnerProcess& runner = at->second;
    if (!runner.facts.deleting) {
      ++at;
      continue;
    }
    kill_qemu(runner.facts.run_dir, "stop of " + runner.facts.name, !runner.stopped_by_wish);
    at = runners_.erase(at);
  }
}

void VmWorld::copy_ends(Qemu& source, bool well) {
  const auto at = qemus_.find(source.copies_to);
  if (at == qemus_.end() || at->second.state != Qemu::State::incoming) well = false;
  if (!well) {
    source.migration = MigrationState::failed;
    if (at != qemus_.end() && at->second.state == Qemu::State::incoming) at->second.state = Qemu::State::dead;
    return;
  }
  source.migration = MigrationState::completed;
  source.state = Qemu::State::postmigrate;
  at->second.state = Qemu::State::loaded;
  at->second.migration = MigrationState::completed;
  at->second.whole = source.whole;
}

bool VmWorld::activate(RunnerProcess& runner, Qemu& qemu) {
  if (qemu.state == Qemu::State::running) return true;
  if (qemu.state == Qemu::State::incoming) return false;
  if (!qemu.whole) violate("a QEMU was resumed that another one had overtaken: " + runner.facts.name);
  qemu.state = Qemu::State::running;
  for (auto& [dir, other] : qemus_) {
    if (&other != &qemu) other.whole = false;
  }
  check();
  return true;
}

bool VmWorld::obey(const Order& order) {
  const auto at = runners_.find(order.runner);
  if (at == runners_.end() || !at->second.alive || !at->second.has_machine) return false;
  RunnerProcess& runner = at->second;
  Qemu* qemu = qemu_of(runner);
  if (!qemu) return false;
  bool done = false;
  switch (order.deed) {
    case decide::MigrationDeed::listen:
      done = qemu->state == Qemu::State::incoming;
      qemu->listening = done;
      break;
    case decide::MigrationDeed::copy:
      done = qemu->state == Qemu::State::running;
      if (done && qemu->migration != MigrationState::active) {
        qemu->migration = MigrationState::active;
        qemu->copies_to = order.address;
        Qemu* to = qemus_.count(order.address) ? &qemus_[order.address] : nullptr;
        if (!to || to->state != Qemu::State::incoming || !to->listening) qemu->migration = MigrationState::failed;
      }
      break;
    case decide::MigrationDeed::cancel_copy:
      done = qemu->migration == MigrationState::active;
      if (done) {
        qemu->migration = MigrationState::cancelled;
        if (qemus_[qemu->copies_to].state == Qemu::State::incoming) qemus_[qemu->copies_to].state = Qemu::State::dead;
      }
      break;
    case decide::MigrationDeed::activate_target:
    case decide::MigrationDeed::activate_source: done = activate(runner, *qemu); break;
    case decide::MigrationDeed::retire_source:
    case decide::MigrationDeed::end_target:
      done = qemu->state != Qemu::State::running;  // a runner refuses to abandon a VM that runs
      if (order.unless_whole && qemu->state == Qemu::State::loaded) done = false;
      if (done) kill_qemu(runner.facts.run_dir, "abandon of " + runner.facts.name, true);
      break;
    default: break;
  }
  retell(runner);
  return done;
}

bool VmWorld::runs() const {
  const auto at = runners_.find(vm_status_.runner);
  if (at == runners_.end() || !at->second.alive) return false;
  // Predecessors at the same run_dir stay: ending them would end the QEMU that their successor holds.
  for (const auto& [name, runner] : runners_) {
    if (name != at->first && (runner.alive || runner.facts.run_dir != at->second.facts.run_dir)) return false;
  }
  const auto qemu = qemus_.find(at->second.facts.run_dir);
  const auto living = std::count_if(qemus_.begin(), qemus_.end(),
                                    [](const auto& entry) { return entry.second.state != Qemu::State::dead; });
  return living == 1 && qemu != qemus_.end() && qemu->second.state == Qemu::State::running;
}

std::string VmWorld::describe() const {
  std::string text = "status: " + std::string(to_string(vm_status_.phase)) + " runner=" + vm_status_.runner +
                     " why=" + vm_status_.why + "\n";
  if (has_migration_) {
    text += "migration: " + std::string(to_string(migration_status_.phase)) + " step=" + migration_status_.progress.step +
            " " + migration_status_.source_runner + "->" + migration_status_.target_runner + " why=" + migration_status_.why + "\n";
  }
  for (const auto& [name, runner] : runners_) {
    const auto qemu = qemus_.find(runner.facts.run_dir);
    text += name + " dir=" + runner.facts.run_dir + " " + to_string(runner.facts.phase) + (runner.alive ? " alive" : " dead") +
            (runner.facts.deleting ? " deleting" : "") + (runner.facts.vm_ended ? " ended" : "") +
            (qemu == qemus_.end() ? " -" : std::string(" ") + to_string(phase_of(qemu->second.state))) + "\n";
  }
  for (const std::string& line : history_) text += "  " + line + "\n";
  return text + (violation_.empty() ? "" : "VIOLATION: " + violation_);
}

}  // namespace neonvm::tests
