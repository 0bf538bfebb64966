// Several processes on one home: nothing lost between them, whoever is killed.
#include <algorithm>
#include <iostream>
#include <random>

#include "plugins/orchestrator-local/run_dir.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/plugins/orchestrator-local/child.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using namespace neonvm::contracts;

Object migration(const std::string& name) {
  Object object = vm_object(name);
  object.kind = Kind::migration;
  return object;
}

TEST_CASE("three processes count together and lose nothing") {
  const TempHome home;
  const auto door = open_door(settings_of(home));
  Object counter = *door->create(migration("counter"), soon());
  counter.status = "0";
  REQUIRE(door->update_status(counter, soon()).ok());
  Child a({STORE_CHILD, "count", home.path, "counter", "150"});
  Child b({STORE_CHILD, "count", home.path, "counter", "150"});
  Child c({STORE_CHILD, "count", home.path, "counter", "150"});
  for (Child* child : {&a, &b, &c}) {
    INFO(child->line());
    CHECK(child->wait() == 0);
  }
  CHECK(door->get(Kind::migration, "counter", soon())->status == "450");
}

TEST_CASE("a writer that is killed in the middle leaves a whole store") {
  const TempHome home;
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::uint64_t newest = 0;
  for (int round = 0; round < 25; ++round) {
    Child child({STORE_CHILD, "spin", home.path});
    REQUIRE(child.line() == "began");
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000));
    child.kill();
    // The first to open after a kill makes SQLite's quick check.
    const auto door = open_door(settings_of(home));
    const auto objects = door->list(Kind::migration, soon());
    REQUIRE(objects.ok());
    std::uint64_t highest = 0;
    for (const Object& object : *objects) highest = std::max(highest, object.version);
    const auto made = door->create(migration("after"), soon());
    REQUIRE(made.ok());
    CHECK(made->version > highest);
    CHECK(made->version > newest);
    newest = made->version;
    REQUIRE(door->remove(Kind::migration, "after", soon()).ok());
    CHECK(door->events(0, soon()).ok());
  }
}

TEST_CASE("a write in another process reaches a watch at once") {
  const TempHome home;
  const auto door = open_door(settings_of(home));
  const auto watch = std::move(*door->watch(Kind::migration, soon()));
  read_to_synced(*watch);
  constexpr int times = 100;
  Child child({STORE_CHILD, "stamp", home.path, std::to_string(times)});
  std::vector<double> microseconds;
  while (static_cast<int>(microseconds.size()) < times) {
    const Change change = next_change(*watch);
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    microseconds.push_back(static_cast<double>(now - std::stoll(change.object.spec)) / 1000);
  }
  std::sort(microseconds.begin(), microseconds.end());
  std::cout << "write in another process, until this one has it: median " << microseconds[times / 2] << " us, 95 % "
            << microseconds[times * 95 / 100] << " us, worst " << microseconds.back() << " us\n";
  CHECK(child.wait() == 0);
}

TEST_CASE("a lease ends with its holder's process") {
  const TempHome home;
  const auto door = open_door(settings_of(home));
  const Duration hour = std::chrono::hours(1);
  Child child({STORE_CHILD, "hold", home.path, "controller"});
  REQUIRE(child.line() == "held");
  CHECK_FALSE(*door->hold_lease("controller", "me", hour, soon()));
  // The same name in another process is another holder.
  CHECK_FALSE(*door->hold_lease("controller", "child", hour, soon()));
  child.kill();
  CHECK(*door->hold_lease("controller", "me", hour, soon()));
  Child late({STORE_CHILD, "hold", home.path, "controller"});
  CHECK(late.line() == "refused");
}

TEST_CASE("leases do not follow the wall clock, and end with the boot") {
  const TempHome home;
  Duration since_boot = std::chrono::hours(5);
  WallTime wall(std::chrono::hours(500'000));
  Clock clock{[&] { return since_boot; }, [&] { return wall; }, "boot-1"};
  const auto door = open_door(settings_of(home), clock);
  REQUIRE(*door->hold_lease("controller", "a", std::chrono::minutes(1), soon()));
  wall += std::chrono::hours(24 * 365);
  CHECK_FALSE(*door->hold_lease("controller", "b", std::chrono::minutes(1), soon()));
  wall -= std::chrono::hours(24 * 365 * 2);
  CHECK_FALSE(*door->hold_lease("controller", "b", std::chrono::minutes(1), soon()));
  CHECK(*door->hold_lease("controller", "a", std::chrono::minutes(1), soon()));
  since_boot += std::chrono::seconds(61);
  CHECK(*door->hold_lease("controller", "b", std::chrono::minutes(1), soon()));
  clock.boot_id = "boot-2";
  const auto rebooted = open_door(settings_of(home), clock);
  CHECK(*rebooted->hold_lease("controller", "c", std::chrono::minutes(1), soon()));
}

TEST_CASE("a second serve on one home is refused with the pid of the first") {
  const TempHome home;
  Child first({STORE_CHILD, "serve", home.path});
  REQUIRE(first.line() == "serving");
  const auto second = LocalOrchestrator::open(settings_of(home, true), system_clock());
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Code::failed_precondition);
  CHECK(second.error().message.find("(pid " + std::to_string(first.pid()) + ") already runs on " + home.path) !=
        std::string::npos);
  CHECK(open_door(settings_of(home))->list(Kind::node, soon())->size() == 1);
  first.kill();
  CHECK(LocalOrchestrator::open(settings_of(home, true), system_clock()).ok());
}

TEST_CASE("a watch that was left behind by forgotten deletions lists again") {
  const TempHome home;
  const auto door = open_door(settings_of(home));
  const Object kept = *door->create(migration("kept"), soon());
  const Object first = *door->create(migration("first"), soon());
  const auto watch = std::move(*door->watch(Kind::migration, soon()));
  CHECK(read_to_synced(*watch).size() == 2);
  REQUIRE(door->remove(Kind::migration, "first", soon()).ok());
  for (int i = 0; i < 1300; ++i) {
    REQUIRE(door->create(migration("x"), soon()).ok());
    REQUIRE(door->remove(Kind::migration, "x", soon()).ok());
  }
  const Object last = *door->create(migration("last"), soon());
  const auto changes = read_to_synced(*watch);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].kind == ChangeKind::deleted);
  CHECK(changes[0].object.name == "first");
  CHECK(changes[0].object.uid == first.uid);
  CHECK(changes[1].kind == ChangeKind::added);
  CHECK(changes[1].object.uid == last.uid);
  Object touched = kept;
  touched.status = "{\"a\":1}";
  REQUIRE(door->update_status(touched, soon()).ok());
  CHECK(next_change(*watch).object.uid == kept.uid);
}

TEST_CASE("only the newest events are kept") {
  const TempHome home;
  const auto door = open_door(settings_of(home));
  for (int i = 0; i < Store::kept_events + 50; ++i) {
    Event event;
    event.message = std::to_string(i);
    REQUIRE(door->record(event, soon()).ok());
  }
  const auto all = *door->events(0, soon());
  CHECK(all.size() == Store::kept_events);
  CHECK(all.front().event.message == "50");
}

TEST_CASE("a long list and a cold start are quick") {
  const TempHome home;
  constexpr int many = 10'000;
  {
    const auto door = open_door(settings_of(home));
    for (int i = 0; i < 50; ++i) REQUIRE(door->create(vm_object("vm-" + std::to_string(i)), soon()).ok());
    const std::string spec = "{\"x\":\"" + std::string(1000, 'x') + "\"}";
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < many; ++i) {
      Object object = migration("m-" + std::to_string(i));
      object.spec = spec;
      REQUIRE(door->create(object, soon()).ok());
    }
    const auto written = std::chrono::steady_clock::now();
    CHECK(door->list(Kind::migration, soon())->size() == many);
    const auto listed = std::chrono::steady_clock::now();
    std::cout << many << " objects: " << seconds(written - began) * 1e6 / many << " us each to create, "
              << seconds(listed - written) * 1e3 << " ms to list\n";
  }
  std::vector<double> cold;
  for (int i = 0; i < 11; ++i) {
    Child child({STORE_CHILD, "list", home.path});
    cold.push_back(std::stod(child.line()) / 1e6);
    CHECK(child.wait() == 0);
  }
  std::sort(cold.begin(), cold.end());
  std::cout << "open, list 50 VMs, close, in a new process: median " << cold[5] << " ms\n";
}

TEST_CASE("a run directory that was removed has no machine any more; one that cannot be seen may have one") {
  const TempHome home;
  std::filesystem::create_directories(home.path);
  const RunDir gone(home.path + "/was-here");
  const auto machine = gone.machine(0);
  REQUIRE(machine);
  CHECK(machine->known);
  CHECK_FALSE(machine->process);
  const auto hidden = RunDir(home.path + "/no-such-alias/was-here").machine(0);
  REQUIRE(hidden);
  CHECK_FALSE(hidden->known);
}

}  // namespace
}  // namespace neonvm::local
