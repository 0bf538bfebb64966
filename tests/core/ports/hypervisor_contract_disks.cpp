// Machines that carry their disks: between nodes that share nothing but the backing image.
#include <filesystem>
#include <fstream>

#include "tests/core/ports/hypervisor_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {

namespace {
constexpr std::uint64_t slow = 64 * kib;  // bytes/s: it cannot end before somebody ends it

void must_do(const HypervisorUnderTest& under_test, const MachineSpec& spec, GuestDeed deed) {
  INFO("deed " << static_cast<int>(deed) << " in " << spec.run_dir);
  REQUIRE(under_test.guest(spec, deed));
}

// A guest that works on its own disks.
std::unique_ptr<Machine> must_start_working(const HypervisorUnderTest& under_test, MachineSpec& spec) {
  spec.carries_disks = true;
  must_make_disks(under_test, spec);
  auto machine = must_start(*under_test.door, spec);
  must_do(under_test, spec, GuestDeed::boot);
  return machine;
}

void must_work_on(const HypervisorUnderTest& under_test, Machine& machine, const MachineSpec& spec) {
  await_state(machine, [](const MachineState& now) { return now.phase == MachinePhase::running; });
  must_do(under_test, spec, GuestDeed::rest);
  must_do(under_test, spec, GuestDeed::verify_disks);
  must_do(under_test, spec, GuestDeed::churn_disks);
}

std::unique_ptr<Machine> must_arrive(const HypervisorUnderTest& under_test, Machine& source, const MachineSpec& there) {
  auto target = must_start(*under_test.door, there);
  must_migrate_to(source, must_listen(*target, must_inspect(source)));
  const MigrationReport report = await_end_of_migration(source);
  INFO(report.why);
  REQUIRE(report.state == MigrationState::completed);
  CHECK(report.progress.remaining == Bytes{0});
  CHECK(report.progress.downtime <= report.progress.total_time);
  CHECK(must_inspect(source).phase == MachinePhase::migrated_away);
  await_state(*target, [](const MachineState& now) { return now.phase == MachinePhase::paused; });
  return target;
}
}  // namespace

void must_make_disks(const HypervisorUnderTest& under_test, MachineSpec& spec) {
  const std::string base = under_test.folder + "/base.raw";
  if (!std::filesystem::exists(base)) {
    std::string text(mib, 'b');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i / 7);
    std::ofstream file(base, std::ios::binary);
    for (int i = 0; i < 16; ++i) file << text;
  }
  std::filesystem::create_directories(spec.run_dir);
  const std::string root = spec.run_dir + "/root.qcow2", empty = spec.run_dir + "/d0.qcow2";
  REQUIRE(under_test.door->create_disk(root, base, Bytes{24 * mib}, in_time()).ok());
  REQUIRE(under_test.door->create_disk(empty, "", Bytes{16 * mib}, in_time()).ok());
  spec.disks = {{"root", root, "qcow2", false, false, base, {}}, {"d0", empty, "qcow2", false, false, "", {}}};
}

void hypervisor_carries_disks(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  MachineSpec spec = under_test.machine("a", "a");
  auto source = must_start_working(under_test, spec);
  const std::uint64_t before = under_test.guest_disks(spec);
  must_do(under_test, spec, GuestDeed::churn_disks);

  // A target that is lost before it ran: the source goes on, on its own disks.
  const MachineSpec lost = target_of(under_test, spec, must_inspect(*source), "b");
  auto never_ran = must_arrive(under_test, *source, lost);
  under_test.kill_process(lost, must_inspect(*never_ran));
  await_event(*never_ran, MachineEventKind::gone);
  REQUIRE(source->resume(in_time()).ok());
  must_work_on(under_test, *source, spec);

  const MachineSpec there = target_of(under_test, spec, must_inspect(*source), "c");
  auto target = must_arrive(under_test, *source, there);
  REQUIRE(target->resume(in_time()).ok());
  CHECK(source->kill(in_time()).ok());
  must_do(under_test, there, GuestDeed::boot);
  must_work_on(under_test, *target, there);
  CHECK(under_test.guest_disks(there) == before);

  // And on from there.
  MachineSpec farther = target_of(under_test, there, must_inspect(*target), "d");
  auto last = must_arrive(under_test, *target, farther);
  REQUIRE(last->resume(in_time()).ok());
  CHECK(target->kill(in_time()).ok());
  must_do(under_test, farther, GuestDeed::boot);
  must_work_on(under_test, *last, farther);
  CHECK(last->kill(in_time()).ok());
}

void hypervisor_keeps_disks(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  MachineSpec spec = under_test.machine("a", "a");
  auto source = must_start_working(under_test, spec);
  must_do(under_test, spec, GuestDeed::churn_disks);

  // Cancelled in the middle.
  auto first = must_start(*under_test.door, target_of(under_test, spec, must_inspect(*source), "b"));
  must_migrate_to(*source, must_listen(*first, must_inspect(*source)), slow);
  // It begins before anybody has counted how much there is.
  while (await_event(*source, MachineEventKind::migration).migration.progress.total == Bytes{0}) {
  }
  CHECK(source->set_cpus(2, in_time()).error().code == Code::failed_precondition);
  const Status cancelled = source->cancel_migration(in_time());
  INFO((cancelled ? std::string() : cancelled.error().message));
  REQUIRE(cancelled.ok());
  CHECK(source->migration(in_time())->state == MigrationState::cancelled);
  CHECK(first->kill(in_time()).ok());
  must_work_on(under_test, *source, spec);

  // The target dies in the middle.
  const MachineSpec dying = target_of(under_test, spec, must_inspect(*source), "c");
  auto second = must_start(*under_test.door, dying);
  must_migrate_to(*source, must_listen(*second, must_inspect(*source)), slow);
  await_event(*source, MachineEventKind::migration);
  under_test.kill_process(dying, must_inspect(*second));
  await_event(*second, MachineEventKind::gone);
  const MigrationReport broken = await_end_of_migration(*source);
  CHECK(broken.state == MigrationState::failed);
  CHECK_FALSE(broken.why.empty());
  must_work_on(under_test, *source, spec);
  CHECK(source->kill(in_time()).ok());
}

}  // namespace neonvm::contracts
