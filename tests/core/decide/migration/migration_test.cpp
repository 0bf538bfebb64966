#include "core/decide/migration.hpp"

#include "tests/core/decide/migration/vm_world.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using neonvm::tests::VmWorld;
using Deed = VmWorld::Deed;

TEST_CASE("a migration goes its way and the source is gone afterwards") {
  VmWorld world;
  REQUIRE(world.settle());
  REQUIRE(world.runs());
  const std::string before = world.status().runner;
  world.happen(Deed::migrate, 0);
  REQUIRE(world.settle());
  INFO(world.describe());
  CHECK(world.violation().empty());
  CHECK(world.migration().phase == MigrationPhase::succeeded);
  CHECK(world.runs());
  CHECK(world.status().runner != before);
  CHECK(world.boots() == 1);
}

TEST_CASE("a source that a former copy has emptied is taken back, and only when nobody else can have its VM") {
  decide::MigrationFacts facts;
  facts.finalizer = true;
  facts.status.phase = MigrationPhase::running;
  facts.status.progress.step = "preparing target";
  facts.status.source_runner = "s";
  facts.status.target_runner = "t";
  decide::RunnerFacts source, target, former;
  source.name = source.run_dir = "s";
  target.name = target.run_dir = "t";
  former.name = former.run_dir = "f";
  source.phase = target.phase = RunnerPhase::running;
  former.phase = RunnerPhase::failed;
  source.word.emplace().fresh = true;
  source.word->machine = MachinePhase::migrated_away;
  source.word->migration.state = MigrationState::completed;
  target.word.emplace().fresh = true;
  target.word->machine = MachinePhase::incoming;

  facts.runners = {source, target, former};                // the former target's QEMU may live
  CHECK(decide_migration(facts).step.deed == decide::MigrationDeed::none);
  CHECK(decide_migration(facts).status.why.find("runner f") != std::string::npos);

  facts.runners[2].vm_ended = true;
  CHECK(decide_migration(facts).step.deed == decide::MigrationDeed::end_target);
  facts.runners[1].phase = RunnerPhase::failed;
  facts.runners[1].vm_ended = true;
  facts.status = decide_migration(facts).status;
  CHECK(facts.status.progress.step.rfind("undoing: ", 0) == 0);
  const auto back = decide_migration(facts).step;
  CHECK(back.deed == decide::MigrationDeed::activate_source);
  CHECK(back.runner == "s");
}

TEST_CASE("a notice of the guest is an event once") {
  VmStatus before, after;
  before.phase = after.phase = Phase::running;
  before.notices = {"a"};
  after.notices = {"a", "b"};
  const auto events = decide::events_between(before, after);
  REQUIRE(events.size() == 1);
  CHECK(events[0].reason == "GuestNotice");
  CHECK(events[0].message == "b");
  CHECK(events[0].warning);
  CHECK(decide::events_between(after, before).empty());
}

TEST_CASE("a workload's health is told when it changes, and starting is no news") {
  VmStatus before, after;
  before.phase = after.phase = Phase::running;
  after.health = {Health::starting, ""};
  CHECK(decide::events_between(before, after).empty());
  before = after;
  after.health = {Health::healthy, ""};
  auto events = decide::events_between(before, after);
  REQUIRE(events.size() == 1);
  CHECK(events[0].reason == "Healthy");
  CHECK_FALSE(events[0].warning);
  before = after;
  after.health = {Health::unhealthy, "exit code 1"};
  events = decide::events_between(before, after);
  REQUIRE(events.size() == 1);
  CHECK(events[0].reason == "Unhealthy");
  CHECK(events[0].warning);
  CHECK(events[0].message.find("exit code 1") != std::string::npos);
}

namespace {

using Happenings = std::vector<std::pair<Deed, std::uint8_t>>;

// Found by the laws' random histories, and shrunk by rapidcheck; the VM was lost in each.
const Happenings stale_failure_of_a_copy_before = {
    {Deed::migrate, 0}, {Deed::controller_acts, 0}, {Deed::controller_acts, 0}, {Deed::runner_works, 15},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::copy_fails, 0}, {Deed::runner_works, 3}, {Deed::objects_come, 0}, {Deed::runner_works, 0},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::migrate, 0}, {Deed::controller_acts, 0},
    {Deed::controller_acts, 0}, {Deed::runner_works, 191}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::copy_ends_well, 0}, {Deed::qemu_dies, 0}};
const Happenings predecessor_of_the_source_said_failed = {
    {Deed::migrate, 0}, {Deed::controller_acts, 0}, {Deed::controller_acts, 0}, {Deed::runner_works, 15},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::copy_fails, 0}, {Deed::runner_works, 3}, {Deed::objects_come, 0}, {Deed::runner_works, 0},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::migrate, 0}, {Deed::controller_acts, 0},
    {Deed::controller_acts, 0}, {Deed::runner_dies, 0}, {Deed::objects_come, 0}, {Deed::controller_acts, 0},
    {Deed::runner_works, 62}, {Deed::runner_works, 215}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0}, {Deed::copy_ends_well, 0},
    {Deed::controller_acts, 0}, {Deed::qemu_dies, 0}};
const Happenings target_had_more_than_it_had_said = {
    {Deed::migrate, 0}, {Deed::controller_acts, 0}, {Deed::controller_acts, 0}, {Deed::runner_works, 3},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::copy_ends_well, 0}, {Deed::qemu_dies, 0}, {Deed::time_passes, 29}, {Deed::runner_works, 0},
    {Deed::objects_come, 0}, {Deed::controller_acts, 0}};
const Happenings predecessors_on_both_sides = {
    {Deed::runner_dies, 0}, {Deed::objects_come, 0}, {Deed::controller_acts, 0}, {Deed::migrate, 0},
    {Deed::runner_works, 63}, {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::controller_acts, 0},
    {Deed::runner_works, 20}, {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0},
    {Deed::controller_acts, 0}, {Deed::runner_dies, 65}, {Deed::objects_come, 0}, {Deed::reports_come, 0},
    {Deed::copy_ends_well, 0}, {Deed::time_passes, 0}, {Deed::controller_acts, 0}, {Deed::reports_come, 0},
    {Deed::controller_acts, 0}, {Deed::runner_works, 31}, {Deed::reports_come, 0}, {Deed::controller_acts, 0},
    {Deed::reports_come, 0}, {Deed::controller_acts, 0}, {Deed::runner_dies, 91}};

}  // namespace

TEST_CASE("histories that once lost a VM do not any more") {
  for (const Happenings* history : {&stale_failure_of_a_copy_before, &predecessor_of_the_source_said_failed,
                                    &target_had_more_than_it_had_said, &predecessors_on_both_sides}) {
    VmWorld world;
    REQUIRE(world.settle());
    world.history().clear();
    for (const auto& [deed, which] : *history) world.happen(deed, which);
    REQUIRE(world.settle());
    INFO(world.describe());
    CHECK(world.violation().empty());
    CHECK(world.runs());
    CHECK(world.boots() == 1);
  }
}
