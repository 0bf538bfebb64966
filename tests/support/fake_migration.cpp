// The migrations of the fake: two machines of one world, found by address.
#include <algorithm>
#include <filesystem>

#include "tests/support/fake_machine.hpp"

namespace neonvm::fakes {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

// What QEMU compares when the stream comes in.
std::string difference(const FakeProcess& source, const FakeProcess& target) {
  if (source.state.machine_type != target.state.machine_type) return "machine types differ";
  if (source.spec.base_memory != target.spec.base_memory) return "base memory differs";
  if (source.spec.pluggable_memory != target.spec.pluggable_memory) return "pluggable memory differs";
  if (source.spec.max_cpus != target.spec.max_cpus) return "numbers of CPU slots differ";
  if (source.slots != target.slots) return "filled CPU slots differ";
  return "";
}

const char* name_of(MachinePhase phase) {
  switch (phase) {
    case MachinePhase::starting: return "starting";
    case MachinePhase::running: return "running";
    case MachinePhase::paused: return "paused";
    case MachinePhase::incoming: return "waiting for a migration";
    case MachinePhase::migrated_away: return "migrated away";
    case MachinePhase::shut_down: return "shut down";
    case MachinePhase::panicked: return "panicked";
    case MachinePhase::gone: return "gone";
  }
  return "";
}
}  // namespace

namespace {
// The writable disks' files, as they are now, become the target's.
std::string carry_disks(const MachineSpec& source, const MachineSpec& target) {
  std::error_code error;
  for (std::size_t i = 0; i < source.disks.size() && !error; ++i) {
    if (source.disks[i].read_only) continue;
    if (i >= target.disks.size() || target.disks[i].id != source.disks[i].id) return "disks differ";
    std::filesystem::copy_file(source.disks[i].path, target.disks[i].path,
                               std::filesystem::copy_options::overwrite_existing, error);
  }
  return error ? error.message() : "";
}

constexpr const char* disks_mark = ",disks";
}  // namespace

FakeBehaviour FakeWorld::behaviour_of(const FakeProcess& process) const {
  const auto found = behaviours_.find(process.spec.name);
  return found == behaviours_.end() ? default_behaviour_ : found->second;
}

Status FakeMachine::pause(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  MachinePhase& phase = process_->state.phase;
  if (phase == MachinePhase::paused) return {};
  if (phase != MachinePhase::running) return Error{Code::failed_precondition, std::string("it is ") + name_of(phase)};
  phase = MachinePhase::paused;
  world_->emit(*process_, {MachineEventKind::paused, {}, {}, ""});
  return {};
}

Status FakeMachine::resume(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  MachinePhase& phase = process_->state.phase;
  if (phase == MachinePhase::running) return {};
  if (phase != MachinePhase::paused && phase != MachinePhase::migrated_away) {
    return Error{Code::failed_precondition, std::string("it is ") + name_of(phase)};
  }
  if (auto taken = world_->take_disks(*process_); !taken) return taken.error();
  phase = MachinePhase::running;
  world_->emit(*process_, {MachineEventKind::resumed, {}, {}, ""});
  world_->note_crimes();
  return {};
}

Result<std::string> FakeMachine::listen(const MachineState& replay, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  FakeProcess& process = *process_;
  if (process.state.phase != MachinePhase::incoming) {
    return Error{Code::failed_precondition, std::string("it is ") + name_of(process.state.phase)};
  }
  if (!process.listening.empty()) return process.listening;
  if (replay.cpus_present > process.spec.max_cpus || replay.plugged_wish > process.spec.pluggable_memory) {
    return Error{Code::invalid_argument, "the source is larger than this machine can be"};
  }
  for (std::uint32_t slot = 0; slot < replay.cpus_present; ++slot) process.slots.insert(slot);
  process.state.cpus_present = static_cast<std::uint32_t>(process.slots.size());
  process.state.plugged_wish = replay.plugged_wish;
  process.listening = "unix:" + process.spec.run_dir + "/migration.sock";
  if (!process.spec.migration_host.empty()) {
    if (process.spec.tls_dir.empty()) return Error{Code::invalid_argument, "a host without certificates"};
    process.listening = "tls:" + process.spec.migration_host + ":" + std::to_string(process.spec.migration_port);
  }
  if (process.spec.carries_disks) process.listening += disks_mark;
  world_->listening_[process.listening] = process_;
  return process.listening;
}

Status FakeMachine::migrate_to(const std::string& address, const MigrationSpec&, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  FakeProcess& process = *process_;
  if (process.migrating()) return Error{Code::failed_precondition, "a migration is under way"};
  if (process.state.phase != MachinePhase::running && process.state.phase != MachinePhase::paused) {
    return Error{Code::failed_precondition, std::string("it is ") + name_of(process.state.phase)};
  }
  if (address.ends_with(disks_mark) != process.spec.carries_disks) {
    return Error{Code::invalid_argument, "one side carries disks and the other does not"};
  }
  process.migration = {MigrationState::setup, {}, ""};
  const std::uint64_t order = ++process.migration_order;
  world_->at(process_, clock_now(), [world = world_.get(), at = process_, address, order] {
    world->begin_migration(at, address, order);
  });
  return {};
}

void FakeWorld::begin_migration(const Process& source, const std::string& address, std::uint64_t order) {
  if (!source->migrating() || source->migration_order != order) return;
  const auto found = listening_.find(address);
  if (found == listening_.end()) return fail_migration(*source, "nobody listens at " + address);
  const Process target = found->second;
  listening_.erase(found);  // one stream a target, as QEMU
  source->peer = target;
  target->peer = source;
  const Bytes total = source->state.base_memory + source->state.plugged_memory;
  source->migration = {MigrationState::active, {"copying", total, total, {}, {}, {}, 0}, ""};
  target->migration = source->migration;
  emit(*source, {MachineEventKind::migration, {}, source->migration, ""});
  emit(*target, {MachineEventKind::migration, {}, target->migration, ""});
  const FakeBehaviour how = behaviour_of(*source);
  if (how.migration_hangs) return;
  at(source, clock_now() + how.migration_lag, [this, source, order] { finish_migration(source, order); });
}

void FakeWorld::fail_migration(FakeProcess& source, const std::string& why) {
  source.migration.state = MigrationState::failed;
  source.migration.why = why;
  emit(source, {MachineEventKind::migration, {}, source.migration, why});
  const Process target = source.peer.lock();
  source.peer.reset();
  if (!target) return;
  target->peer.reset();
  target->migration = source.migration;
  end(*target, MachinePhase::gone, "the migration to it failed: " + why);
}

void FakeWorld::finish_migration(const Process& source, std::uint64_t order) {
  if (!source->alive || !source->migrating() || source->migration_order != order) return;
  const Process target = source->peer.lock();
  if (!target || !target->alive) return fail_migration(*source, "the target is gone");
  const FakeBehaviour how = behaviour_of(*source);
  if (!how.migration_fails.empty()) return fail_migration(*source, how.migration_fails);
  if (const std::string why = difference(*source, *target); !why.empty()) return fail_migration(*source, why);

  if (source->spec.carries_disks) {
    if (const std::string why = carry_disks(source->spec, target->spec); !why.empty()) return fail_migration(*source, why);
  }
  source->state.phase = MachinePhase::migrated_away;
  release_disks(*source);
  if (auto taken = take_disks(*target); !taken) {
    source->state.phase = MachinePhase::running;
    (void)take_disks(*source);
    return fail_migration(*source, taken.error().message);
  }
  MigrationReport& report = source->migration;
  report.state = MigrationState::completed;
  report.progress.step = "completed";
  report.progress.transferred = report.progress.total;
  report.progress.remaining = Bytes{0};
  report.progress.total_time = how.migration_lag + how.migration_downtime;
  report.progress.downtime = how.migration_downtime;
  source->state.migration_downtime = how.migration_downtime;
  target->migration = report;
  target->state.phase = MachinePhase::paused;
  target->state.plugged_memory = source->state.plugged_memory;
  target->state.plugged_wish = source->state.plugged_wish;
  target->state.migration_downtime = how.migration_downtime;
  emit(*source, {MachineEventKind::paused, {}, {}, ""});
  emit(*source, {MachineEventKind::migration, {}, report, ""});
  emit(*target, {MachineEventKind::migration, {}, report, ""});
}

Result<MigrationReport> FakeMachine::migration(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can && can.error().code != Code::not_found) return can.error();
  return process_->migration;
}

Status FakeMachine::cancel_migration(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  FakeProcess& process = *process_;
  if (process.migration.state == MigrationState::completed) {
    return Error{Code::failed_precondition, "the migration has completed"};
  }
  if (!process.migrating()) return {};
  process.migration.state = MigrationState::cancelled;
  world_->emit(process, {MachineEventKind::migration, {}, process.migration, "cancelled"});
  const auto target = process.peer.lock();
  process.peer.reset();
  if (!target) return {};
  target->peer.reset();
  target->migration.state = MigrationState::failed;
  target->migration.why = "cancelled by the source";
  world_->end(*target, MachinePhase::gone, "the migration to it was cancelled");
  return {};
}

}  // namespace neonvm::fakes
