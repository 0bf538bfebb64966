#include "tests/core/ports/orchestrator_contract.hpp"

#include "core/wire/model_json.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using namespace neonvm::contracts;

std::string run_dir_of(Orchestrator& door, const std::string& runner) {
  const auto object = door.get(Kind::runner, runner, soon());
  REQUIRE(object.ok());
  return wire::decode_machine_spec(wire::decode_runner_spec(object->spec)->machine)->run_dir;
}

OrchestratorUnderTest make_local() {
  auto home = std::make_shared<TempHome>();
  std::shared_ptr<LocalOrchestrator> door = open_door(settings_of(*home, true));
  const std::shared_ptr<Orchestrator> held(door.get(), [home, door](Orchestrator*) mutable {
    door.reset();
    home.reset();
  });
  const auto kill = [weak = std::weak_ptr(held)](const std::string& name) {
    const std::string dir = run_dir_of(*weak.lock(), name);
    ::kill(TempHome::pid_in(dir + "/runner.pid"), SIGKILL);
    if (const pid_t pid = TempHome::pid_in(dir + "/qemu.pid"); pid > 0) ::kill(pid, SIGKILL);
  };
  const auto again = [home]() -> std::shared_ptr<Orchestrator> { return open_door(settings_of(*home)); };
  return {held, kill, again};
}

TEST_CASE("the local orchestrator keeps objects") { orchestrator_keeps_objects(make_local); }
TEST_CASE("the local orchestrator removes") { orchestrator_removes(make_local); }
TEST_CASE("the local orchestrator watches") { orchestrator_watches(make_local); }
TEST_CASE("the local orchestrator wakes watches") { orchestrator_wakes_watches(make_local); }
TEST_CASE("the local orchestrator keeps events") { orchestrator_keeps_events(make_local); }
TEST_CASE("the local orchestrator leases") { orchestrator_leases(make_local); }
TEST_CASE("the local orchestrator runs runners") { orchestrator_runs_runners(make_local); }

}  // namespace
}  // namespace neonvm::local
