#include <thread>

#include "core/wire/model_json.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::fakes {
namespace {

using namespace neonvm::contracts;

OrchestratorUnderTest make_fake() {
  const auto fake = std::make_shared<FakeOrchestrator>();
  return {fake,
          [fake](const std::string& name) { fake->runner_ended(name, RunnerPhase::failed, "killed by signal 9"); },
          nullptr};
}

TEST_CASE("the fake orchestrator keeps objects") { orchestrator_keeps_objects(make_fake); }
TEST_CASE("the fake orchestrator removes") { orchestrator_removes(make_fake); }
TEST_CASE("the fake orchestrator watches") { orchestrator_watches(make_fake); }
TEST_CASE("the fake orchestrator wakes watches") { orchestrator_wakes_watches(make_fake); }
TEST_CASE("the fake orchestrator keeps events") { orchestrator_keeps_events(make_fake); }
TEST_CASE("the fake orchestrator leases") { orchestrator_leases(make_fake); }
TEST_CASE("the fake orchestrator runs runners") { orchestrator_runs_runners(make_fake); }

TEST_CASE("the fake orchestrator's faults") {
  FakeOrchestrator fake;
  const Object object = *fake.create(vm_object("web"), soon());
  Object changed = object;
  changed.spec = R"({"a":2})";
  SECTION("a conflict writes nothing") {
    fake.conflict_next_writes();
    CHECK(fake.update(changed, soon()).error().code == Code::conflict);
    CHECK(fake.update(changed, soon()).ok());
  }
  SECTION("unavailable for as many calls as told") {
    fake.unavailable_for(2);
    CHECK(fake.get(Kind::virtual_machine, "web", soon()).error().code == Code::unavailable);
    CHECK(fake.update(changed, soon()).error().code == Code::unavailable);
    CHECK(fake.get(Kind::virtual_machine, "web", soon())->spec == object.spec);
  }
  SECTION("a lost reply has written") {
    fake.lose_next_replies();
    CHECK(fake.update(changed, soon()).error().code == Code::deadline_exceeded);
    CHECK(fake.get(Kind::virtual_machine, "web", soon())->spec == changed.spec);
  }
  SECTION("a broken watch says so once, then catches up") {
    const auto watch = *fake.watch(Kind::virtual_machine, soon());
    read_to_synced(*watch);
    REQUIRE(fake.remove(Kind::virtual_machine, "web", soon()).ok());
    REQUIRE(fake.create(vm_object("new"), soon()).ok());
    fake.break_watches();
    CHECK(watch->next(soon()).error().code == Code::unavailable);
    const auto changes = read_to_synced(*watch);
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].kind == ChangeKind::deleted);
    CHECK(changes[0].object.uid == object.uid);
    CHECK(changes[1].kind == ChangeKind::added);
    fake.relist_watches();
    CHECK(read_to_synced(*watch).empty());
  }
  SECTION("time can be turned") {
    REQUIRE(*fake.hold_lease("l", "a", std::chrono::minutes(1), soon()));
    fake.advance(std::chrono::minutes(2));
    CHECK(*fake.hold_lease("l", "b", std::chrono::minutes(1), soon()));
  }
}

TEST_CASE("the fake orchestrator's runners are what its hooks make them") {
  FakeOrchestrator fake("/home/of/fake");
  int stops = 0;
  fake.set_hooks({[&](const Object& runner) -> Result<RunnerStatus> {
                    if (runner.name == "no") return Error{Code::unavailable, "no program"};
                    RunnerStatus status;
                    status.pid = 42;
                    return status;
                  },
                  [&](const Object&, Duration) { ++stops; }});
  CHECK(fake.start_runner(runner_object("no", "web"), soon()).error().code == Code::unavailable);
  CHECK(fake.list(Kind::runner, soon())->empty());
  const auto started = fake.start_runner(runner_object("yes", "web"), soon());
  REQUIRE(started.ok());
  const auto machine = wire::decode_machine_spec(wire::decode_runner_spec(started->spec)->machine);
  CHECK(machine->run_dir == "/home/of/fake/r/yes");
  REQUIRE(fake.stop_runner("yes", std::chrono::seconds(1), soon()).ok());
  CHECK(stops == 1);
  CHECK(fake.get(Kind::runner, "yes", soon())->deleting.has_value());
  fake.runner_ended("yes", RunnerPhase::failed, "runner died, its VM still runs", true);
  const auto ended = wire::decode_runner_status(fake.get(Kind::runner, "yes", soon())->status);
  REQUIRE(ended.ok());
  CHECK_FALSE(ended->vm_ended);
  fake.runner_ended("yes", RunnerPhase::failed, "gone", false);
  CHECK(fake.get(Kind::runner, "yes", soon()).error().code == Code::not_found);
}

}  // namespace
}  // namespace neonvm::fakes
