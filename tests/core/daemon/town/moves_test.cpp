// Migrations from end to end over fake machines.
#include "core/wire/model_json.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;

namespace {

struct TwoNodes : Town {
  TwoNodes() {
    node("n1", 4, 8);
    node("n2", 4, 8);
    vm("web", 1, 1);
  }
  void running() {
    open();
    REQUIRE(until([&] { return has("web", 1, 1); }));
  }
  std::string other() { return status("web").node == "n1" ? "n2" : "n1"; }
  bool over(const Object& move) { return decide::is_over(migration(move.name).phase); }
};

}  // namespace

TEST_CASE("a VM moves to the other node with its size, and back again") {
  TwoNodes town;
  town.running();
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{2000}, s.memory.use = Bytes{3 * gib}; });
  REQUIRE(town.until([&] { return town.has("web", 2, 3); }));
  for (int i = 0; i < 2; ++i) {
    const std::string to = town.other(), from = town.status("web").node;
    const Object move = town.migrate("web");
    REQUIRE(town.until([&] { return town.over(move); }));
    CHECK(town.migration(move.name).why == "");
    CHECK(town.migration(move.name).phase == MigrationPhase::succeeded);
    REQUIRE(town.until([&] { return town.status("web").node == to && town.has("web", 2, 3); }));
    REQUIRE(town.until([&] { return town.plane->scheduler->ledger().totals(from).reserved == Resources{}; }));
    CHECK(town.machines->alive().size() == 1);
    CHECK(town.broken() == "");
  }
  CHECK(town.status("web").restarts == 0);
}

TEST_CASE("a runner that dies after its VM has arrived has a successor that keeps the VM") {
  TwoNodes town;
  town.running();
  const Object move = town.migrate("web");
  REQUIRE(town.until([&] { return town.over(move) && town.has("web", 1, 1); }));
  const std::string before = town.status("web").runner, qemu = town.qemu_of("web");
  town.kill_runner(before);
  REQUIRE(town.until([&] { return town.status("web").runner != before && town.qemu_of("web") == qemu && town.has("web", 1, 1); }));
  CHECK(town.status("web").restarts == 0);
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{2000}; });
  REQUIRE(town.until([&] { return town.has("web", 2, 1); }));
  CHECK(town.machines->alive() == std::vector<std::string>{qemu});
}

TEST_CASE("a migration whose target dies leaves the VM where it was, and the books right") {
  TwoNodes town;
  fakes::FakeBehaviour slow;
  slow.migration_hangs = true;
  town.machines->behave("web", slow);
  town.running();
  const std::string home = town.status("web").node;
  const Object move = town.migrate("web");
  REQUIRE(town.until([&] { return town.migration(move.name).progress.step == "copying" && town.machines->alive().size() == 2; }));
  const std::string source = town.qemu_of("web");
  for (const std::string& dir : town.machines->alive())
    if (dir != source) town.kill_qemu(dir);
  REQUIRE(town.until([&] { return town.over(move); }));
  CHECK(town.migration(move.name).phase == MigrationPhase::failed);
  REQUIRE(town.until([&] { return town.has("web", 1, 1); }));
  CHECK(town.status("web").node == home);
  REQUIRE(town.until([&] { return town.plane->scheduler->ledger().totals(home == "n1" ? "n2" : "n1").reserved == Resources{}; }));
  CHECK(town.broken() == "");
}

TEST_CASE("a migration is called off by its owner, and by its timeout") {
  TwoNodes town;
  fakes::FakeBehaviour slow;
  slow.migration_hangs = true;
  town.machines->behave("web", slow);
  town.running();
  const Object move = town.migrate("web");
  REQUIRE(town.until([&] { return town.migration(move.name).progress.step == "copying"; }));
  town.cancel(move.name);
  REQUIRE(town.until([&] { return town.over(move); }));
  CHECK(town.migration(move.name).phase == MigrationPhase::cancelled);
  REQUIRE(town.until([&] { return town.runs("web") && town.machines->alive().size() == 1; }));
  CHECK(town.broken() == "");
}

TEST_CASE("a control plane that dies in any step of a migration finishes it when it is back") {
  for (const Duration pause : {0ms, 20ms, 60ms, 120ms, 250ms}) {
    TwoNodes town;
    fakes::FakeBehaviour slow;
    slow.migration_lag = 100ms;
    town.machines->behave("web", slow);
    town.running();
    const Object move = town.migrate("web");
    town.turn(pause);
    town.kill_control_plane();
    town.turn(150ms);
    town.open();
    REQUIRE(town.until([&] { return town.over(move); }));
    REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.machines->alive().size() == 1; }));
    CHECK(town.broken() == "");
    CHECK(town.status("web").restarts == 0);
  }
}

TEST_CASE("a migration without a place waits with the reason") {
  TwoNodes town;
  town.vm("big", 4, 8);
  town.running();
  REQUIRE(town.until([&] { return town.runs("big"); }));
  const Object move = town.migrate("web");
  REQUIRE(town.until([&] { return !town.migration(move.name).why.empty(); }));
  CHECK(town.migration(move.name).phase == MigrationPhase::pending);
  CHECK(town.migration(move.name).why.find("no node has") != std::string::npos);
  town.remove("big");
  REQUIRE(town.until([&] { return town.over(move); }));
  CHECK(town.migration(move.name).phase == MigrationPhase::succeeded);
}
