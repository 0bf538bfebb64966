#include "core/wire/model_json.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {
namespace {

RunnerStatus status_of(const Object& runner) {
  auto status = wire::decode_runner_status(runner.status);
  INFO(runner.status);
  REQUIRE(status.ok());
  return *status;
}

auto in_phase(RunnerPhase phase) {
  return [phase](const Object& runner) { return status_of(runner).phase == phase; };
}

void starts(const OrchestratorUnderTest& under_test) {
  Orchestrator& door = *under_test.door;
  SECTION("a started runner is an object that comes to run, and has an endpoint then") {
    const Object wish = runner_object("web-1", "web");
    const auto started = door.start_runner(wish, soon());
    INFO((started ? std::string() : started.error().message));
    REQUIRE(started.ok());
    CHECK(started->kind == Kind::runner);
    CHECK_FALSE(started->uid.empty());
    CHECK(started->owner_uid == wish.owner_uid);
    CHECK(started->labels == wish.labels);
    const auto spec = wire::decode_runner_spec(started->spec);
    REQUIRE(spec.ok());
    CHECK(spec->vm == "web");
    const Object running = await_object(door, Kind::runner, "web-1", in_phase(RunnerPhase::running));
    CHECK_FALSE(status_of(running).endpoint.empty());
    REQUIRE(door.list(Kind::runner, soon())->size() == 1);
  }
  SECTION("a name is one life") {
    REQUIRE(door.start_runner(runner_object("web-1", "web"), soon()).ok());
    CHECK(door.start_runner(runner_object("web-1", "web"), soon()).error().code == Code::already_exists);
    under_test.kill_runner("web-1");
    await_object(door, Kind::runner, "web-1", in_phase(RunnerPhase::failed));
    CHECK(door.start_runner(runner_object("web-1", "web"), soon()).error().code == Code::already_exists);
  }
  SECTION("what is not a runner is not started") {
    Object broken = runner_object("web-1", "web");
    broken.spec = "not json";
    CHECK(door.start_runner(broken, soon()).error().code == Code::invalid_argument);
    CHECK(door.start_runner(runner_object("Not_A_Label", "web"), soon()).error().code == Code::invalid_argument);
    CHECK(door.list(Kind::runner, soon())->empty());
  }
}

void ends(const OrchestratorUnderTest& under_test) {
  Orchestrator& door = *under_test.door;
  REQUIRE(door.start_runner(runner_object("web-1", "web"), soon()).ok());
  await_object(door, Kind::runner, "web-1", in_phase(RunnerPhase::running));
  SECTION("a runner that dies has failed, and says how") {
    under_test.kill_runner("web-1");
    const auto status = status_of(await_object(door, Kind::runner, "web-1", in_phase(RunnerPhase::failed)));
    CHECK_FALSE(status.exit_reason.empty());
    CHECK(status.ended > WallTime{});
    REQUIRE(door.stop_runner("web-1", std::chrono::seconds(1), soon()).ok());
    await_gone(door, Kind::runner, "web-1");
  }
  SECTION("a stopped runner goes, also when told twice") {
    REQUIRE(door.stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
    REQUIRE(door.stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
    await_gone(door, Kind::runner, "web-1");
    CHECK(door.stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
    CHECK(door.get(Kind::runner, "web-1", soon()).error().code == Code::not_found);
  }
  SECTION("removing a runner stops it") {
    REQUIRE(door.remove(Kind::runner, "web-1", soon()).ok());
    await_gone(door, Kind::runner, "web-1");
  }
}

}  // namespace

void orchestrator_runs_runners(const MakeOrchestrator& make) {
  const auto under_test = make();
  starts(under_test);
  SECTION("and ends them") { ends(under_test); }
}

}  // namespace neonvm::contracts
