#include "tests/core/ports/hypervisor_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

bool under_way(MigrationState state) {
  return state == MigrationState::setup || state == MigrationState::active || state == MigrationState::switching;
}

void must_run_on(Machine& source, std::uint32_t cpus) {
  const MachineState state = await_state(source, [](const MachineState& now) { return now.phase == MachinePhase::running; });
  CHECK(state.cpus_present == cpus);
  CHECK(source.set_cpus(cpus + 1, in_time())->actual == MilliCpu{(cpus + 1) * 1000});
}

// It has come with three CPUs and 256 MiB, and goes on growing.
void must_grow_on(const HypervisorUnderTest& under_test, Machine& target, const MachineSpec& there) {
  const MachineState after = must_inspect(target);
  CHECK(after.phase == MachinePhase::running);
  CHECK(after.cpus_present == 3);
  CHECK(after.plugged_memory == Bytes{256 * mib});
  REQUIRE(under_test.guest(there, GuestDeed::boot));
  must_see_cpus(under_test, there, 3);
  CHECK(target.set_cpus(4, in_time())->actual == MilliCpu{4000});
  must_see_cpus(under_test, there, 4);
  REQUIRE(target.want_memory(Bytes{512 * mib}, in_time()).ok());
  await_memory(target, [](const MemoryState& memory) { return memory.actual == Bytes{512 * mib}; });
}
}  // namespace

MachineSpec target_of(const HypervisorUnderTest& under_test, const MachineSpec& source, const MachineState& state,
                      const std::string& name) {
  MachineSpec spec = under_test.machine(name, source.name);
  spec.machine_type = state.machine_type;
  spec.incoming = true;
  spec.carries_disks = source.carries_disks;
  if (spec.carries_disks) must_make_disks(under_test, spec);
  return spec;
}

std::string must_listen(Machine& target, const MachineState& replay) {
  const auto address = target.listen(replay, in_time());
  INFO((address ? std::string() : address.error().message));
  REQUIRE(address.ok());
  REQUIRE((address->starts_with("unix:/") || address->starts_with("tls:")));
  return *address;
}

void must_migrate_to(Machine& source, const std::string& address, std::uint64_t bandwidth) {
  MigrationSpec limits;
  limits.max_bandwidth = bandwidth;
  const Status taken = source.migrate_to(address, limits, in_time());
  INFO((taken ? std::string() : taken.error().message));
  REQUIRE(taken.ok());
}

MigrationReport await_end_of_migration(Machine& source) {
  const Deadline deadline = in_time();
  while (true) {
    const auto report = source.migration(in_time());
    INFO((report ? to_string(report->state) + (" " + report->why) : report.error().message));
    REQUIRE(report.ok());
    if (!under_way(report->state)) return *report;
    REQUIRE(clock_now() < deadline);
    (void)source.next_event(clock_now() + std::chrono::milliseconds(50));
  }
}

void hypervisor_migrates(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const std::string disk = under_test.folder + "/root.qcow2";
  REQUIRE(door.create_disk(disk, "", Bytes{64 * mib}, in_time()).ok());
  MachineSpec spec = under_test.machine("a", "a");
  spec.disks = {{"root", disk, "qcow2", false, false, "", {}}};
  auto source = must_start(door, spec);
  REQUIRE(under_test.guest(spec, GuestDeed::boot));
  CHECK(source->migration(in_time())->state == MigrationState::none);
  CHECK(source->cancel_migration(in_time()).ok());
  CHECK(source->listen({}, in_time()).error().code == Code::failed_precondition);

  // Larger than at its start: the target has to be told.
  REQUIRE(source->set_cpus(3, in_time())->actual == MilliCpu{3000});
  must_see_cpus(under_test, spec, 3);
  REQUIRE(source->want_memory(Bytes{256 * mib}, in_time()).ok());
  await_memory(*source, [](const MemoryState& memory) { return memory.actual == Bytes{256 * mib}; });
  const MachineState before = must_inspect(*source);

  MachineSpec there = target_of(under_test, spec, before, "b");
  there.disks = spec.disks;
  auto target = must_start(door, there);
  CHECK(must_inspect(*target).phase == MachinePhase::incoming);
  CHECK(target->resume(in_time()).error().code == Code::failed_precondition);
  const std::string address = must_listen(*target, before);
  CHECK(must_inspect(*source).phase == MachinePhase::running);
  must_migrate_to(*source, address);
  const MigrationReport report = await_end_of_migration(*source);
  INFO(report.why);
  REQUIRE(report.state == MigrationState::completed);
  CHECK(report.progress.total >= spec.base_memory);
  CHECK(report.progress.transferred > Bytes{0});
  CHECK(report.progress.remaining == Bytes{0});
  CHECK(report.progress.total_time > Duration::zero());
  CHECK(report.progress.downtime > Duration::zero());
  CHECK(report.progress.downtime <= report.progress.total_time);
  CHECK(must_inspect(*source).phase == MachinePhase::migrated_away);
  CHECK(source->cancel_migration(in_time()).error().code == Code::failed_precondition);

  await_state(*target, [](const MachineState& now) { return now.phase == MachinePhase::paused; });
  const Status resumed = target->resume(in_time());
  INFO((resumed ? std::string() : resumed.error().message));
  REQUIRE(resumed.ok());
  // Never two on one disk, even if somebody tells the source to go on.
  CHECK(source->resume(in_time()).error().code == Code::already_exists);
  CHECK(must_inspect(*source).phase != MachinePhase::running);
  CHECK(source->kill(in_time()).ok());
  must_grow_on(under_test, *target, there);
  CHECK(target->kill(in_time()).ok());
}

void hypervisor_cancels_migrations(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const MachineSpec spec = under_test.machine("a", "a");
  auto source = must_start(door, spec);
  const MachineState before = must_inspect(*source);
  auto target = must_start(door, target_of(under_test, spec, before, "b"));
  const std::string address = must_listen(*target, before);
  must_migrate_to(*source, address, 64 * kib);  // so slow that it cannot end before it is cancelled
  CHECK_FALSE(source->migrate_to(address, {}, in_time()).ok());
  // No resize meanwhile: it would be lost on the way.
  CHECK(source->set_cpus(2, in_time()).error().code == Code::failed_precondition);
  CHECK(source->want_memory(Bytes{64 * mib}, in_time()).error().code == Code::failed_precondition);
  const MachineEvent told = await_event(*source, MachineEventKind::migration);
  CHECK(under_way(told.migration.state));
  const Status cancelled = source->cancel_migration(in_time());
  INFO((cancelled ? std::string() : cancelled.error().message));
  REQUIRE(cancelled.ok());
  CHECK(source->migration(in_time())->state == MigrationState::cancelled);
  await_event(*target, MachineEventKind::gone);
  must_run_on(*source, 1);

  // And again, to a fresh target.
  const MachineState now = must_inspect(*source);
  auto second = must_start(door, target_of(under_test, spec, now, "c"));
  must_migrate_to(*source, must_listen(*second, now));
  const MigrationReport report = await_end_of_migration(*source);
  INFO(report.why);
  CHECK(report.state == MigrationState::completed);
  CHECK(source->kill(in_time()).ok());
  CHECK(second->kill(in_time()).ok());
}

void hypervisor_undoes_migrations(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const MachineSpec spec = under_test.machine("a", "a");
  auto source = must_start(door, spec);
  const MachineState before = must_inspect(*source);

  // Nobody there.
  const Status taken = source->migrate_to("unix:" + under_test.folder + "/nobody.sock", {}, in_time());
  if (taken) {
    const MigrationReport report = await_end_of_migration(*source);
    CHECK(report.state == MigrationState::failed);
    CHECK_FALSE(report.why.empty());
  }
  must_run_on(*source, 1);

  // The target is not what the source is.
  const MachineState now = must_inspect(*source);
  MachineSpec other = target_of(under_test, spec, now, "b");
  other.base_memory = spec.base_memory + Bytes{64 * mib};
  auto unlike = must_start(door, other);
  must_migrate_to(*source, must_listen(*unlike, now));
  CHECK(await_end_of_migration(*source).state == MigrationState::failed);
  CHECK(unlike->kill(in_time()).ok());
  must_run_on(*source, 2);

  // The target dies in the middle.
  const MachineState later = must_inspect(*source);
  const MachineSpec dying = target_of(under_test, spec, later, "c");
  auto target = must_start(door, dying);
  must_migrate_to(*source, must_listen(*target, later), 64 * kib);
  await_event(*source, MachineEventKind::migration);
  under_test.kill_process(dying, must_inspect(*target));
  await_event(*target, MachineEventKind::gone);
  const MigrationReport broken = await_end_of_migration(*source);
  CHECK(broken.state == MigrationState::failed);
  CHECK_FALSE(broken.why.empty());
  must_run_on(*source, 3);
  CHECK(source->kill(in_time()).ok());
}

}  // namespace neonvm::contracts
