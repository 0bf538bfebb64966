// serve is killed with kill -9; its runners run on and the next serve has them all.
#include <iostream>
#include <random>
#include <set>

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-local/process.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/plugins/orchestrator-local/child.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using namespace neonvm::contracts;

RunnerStatus status_of(const Object& runner) { return *wire::decode_runner_status(runner.status); }
std::string run_dir_of(const Object& runner) {
  return wire::decode_machine_spec(wire::decode_runner_spec(runner.spec)->machine)->run_dir;
}

TEST_CASE("a killed serve leaves its runner running, and the next one adopts it") {
  const TempHome home;
  {
    Child serve({STORE_CHILD, "start", home.path, "lone-", "1", STAND_IN_RUNNER});
    REQUIRE(serve.line() == "began");
    REQUIRE(serve.line() == "started");
    serve.kill();
  }
  const auto door = open_door(settings_of(home, true));
  const Object runner = await_object(*door, Kind::runner, "lone-0", [](const Object& object) {
    return status_of(object).phase == RunnerPhase::running;
  });
  const pid_t pid = static_cast<pid_t>(status_of(runner).pid);
  REQUIRE(process_with(pid).has_value());
  ::kill(pid, SIGKILL);
  const Object ended = await_object(*door, Kind::runner, "lone-0", [](const Object& object) {
    return status_of(object).phase == RunnerPhase::failed;
  });
  // Not our child: the kernel tells us that it ended, not how.
  CHECK(status_of(ended).exit_reason == "runner ended while nobody watched");
}

// Wherever the kill falls: every process has its object, every object knows whether it has a process.
TEST_CASE("a serve that is killed while it starts runners loses track of none") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  int alive = 0, never = 0;
  for (int round = 0; round < 20; ++round) {
    const TempHome home;
    {
      Child serve({STORE_CHILD, "start", home.path, "lone-", "30", STAND_IN_RUNNER});
      REQUIRE(serve.line() == "began");
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
      serve.kill();
    }
    const auto door = open_door(settings_of(home, true));
    std::set<std::string> with_object;
    const auto runners = door->list(Kind::runner, soon());
    REQUIRE(runners.ok());
    for (const Object& object : *runners) {
      const Object settled = await_object(*door, Kind::runner, object.name, [](const Object& now) {
        return status_of(now).phase != RunnerPhase::starting;
      });
      const bool running = status_of(settled).phase == RunnerPhase::running;
      const std::string dir = run_dir_of(settled);
      CHECK(process_with(TempHome::pid_in(dir + "/runner.pid")).has_value() == running);
      ++(running ? alive : never);
      with_object.insert(dir);
    }
    for (const auto& entry : std::filesystem::directory_iterator(home.path + "/r")) {
      if (with_object.count(entry.path().string()) == 0)
        CHECK_FALSE(std::filesystem::exists(entry.path() / "runner.pid"));
    }
  }
  std::cout << "killed while starting: " << alive << " runners adopted, " << never << " said never to have begun\n";
}

}  // namespace
}  // namespace neonvm::local
