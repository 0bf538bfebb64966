#include "tests/core/ports/orchestrator_contract.hpp"

#include <thread>

#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

Object vm_object(const std::string& name, const std::string& spec) {
  Object object;
  object.kind = Kind::virtual_machine;
  object.name = name;
  object.spec = spec;
  return object;
}

Object runner_object(const std::string& name, const std::string& vm) {
  MachineSpec machine;
  machine.name = vm;
  Object object;
  object.kind = Kind::runner;
  object.name = name;
  object.owner_uid = "uid-of-" + vm;
  object.labels = {{"vm", vm}};
  RunnerSpec spec;
  spec.vm = vm;
  spec.vm_uid = object.owner_uid;
  spec.node = "local";
  spec.machine = wire::encode(machine);
  object.spec = wire::encode(spec);
  return object;
}

Change next_change(Watch& watch) {
  auto change = watch.next(soon());
  INFO((change ? std::string("no change came") : change.error().message));
  REQUIRE(change.ok());
  REQUIRE(change->has_value());
  return **change;
}

std::vector<Change> read_to_synced(Watch& watch) {
  std::vector<Change> changes;
  for (;;) {
    Change change = next_change(watch);
    if (change.kind == ChangeKind::synced) return changes;
    changes.push_back(std::move(change));
  }
}

// Follows a watch instead of asking again and again, so that it also shows that watches wake.
Object await_object(Orchestrator& door, Kind kind, const std::string& name,
                    const std::function<bool(const Object&)>& as_told) {
  const auto watch = door.watch(kind, soon());
  REQUIRE(watch.ok());
  for (;;) {
    const Change change = next_change(**watch);
    const bool present = change.kind == ChangeKind::added || change.kind == ChangeKind::changed;
    if (present && change.object.name == name && as_told(change.object)) return change.object;
  }
}

void await_gone(Orchestrator& door, Kind kind, const std::string& name) {
  const auto watch = door.watch(kind, soon());
  REQUIRE(watch.ok());
  bool present = false;
  for (const auto& change : read_to_synced(**watch)) present = present || change.object.name == name;
  while (present) {
    const Change change = next_change(**watch);
    if (change.kind == ChangeKind::deleted && change.object.name == name) return;
  }
}

void orchestrator_keeps_events(const MakeOrchestrator& make) {
  const auto door = make().door;
  const auto say = [&](const std::string& message) {
    Event event;
    event.name = "web";
    event.warning = true;
    event.reason = "Scaled";
    event.message = message;
    event.revision = 12;
    REQUIRE(door->record(event, soon()).ok());
  };
  SECTION("events come back whole, newest last, numbered upwards") {
    REQUIRE(door->events(0, soon())->empty());
    say("one");
    say("two");
    const auto all = door->events(0, soon());
    REQUIRE(all.ok());
    REQUIRE(all->size() == 2);
    CHECK(all->at(0).event.message == "one");
    CHECK(all->at(1).event.message == "two");
    CHECK(all->at(1).event.name == "web");
    CHECK(all->at(1).event.reason == "Scaled");
    CHECK(all->at(1).event.warning);
    CHECK(all->at(1).event.revision == 12);
    CHECK(all->at(0).sequence > 0);
    CHECK(all->at(1).sequence > all->at(0).sequence);
    const auto rest = door->events(all->at(0).sequence, soon());
    REQUIRE(rest->size() == 1);
    CHECK(rest->at(0).event.message == "two");
  }
  SECTION("waiting ends with the event, or empty at the deadline") {
    say("old");
    const auto last = door->events(0, soon())->back().sequence;
    CHECK(door->wait_events(last, std::chrono::steady_clock::now() + std::chrono::milliseconds(20))->empty());
    std::jthread writer([&] {
      (void)door->record({{}, Kind::node, "default", "n", false, "Late", "late", 0}, soon());
    });
    const auto found = door->wait_events(last, soon());
    REQUIRE(found.ok());
    REQUIRE(found->size() == 1);
    CHECK(found->front().event.message == "late");
  }
}

void orchestrator_leases(const MakeOrchestrator& make) {
  const auto door = make().door;
  const Duration minute = std::chrono::minutes(1);
  SECTION("one holder at a time, who may renew") {
    CHECK(*door->hold_lease("controller", "a", minute, soon()));
    CHECK(*door->hold_lease("controller", "a", minute, soon()));
    CHECK_FALSE(*door->hold_lease("controller", "b", minute, soon()));
    CHECK(*door->hold_lease("scheduler", "b", minute, soon()));
  }
  SECTION("only the holder gives it back") {
    REQUIRE(*door->hold_lease("controller", "a", minute, soon()));
    REQUIRE(door->release_lease("controller", "b", soon()).ok());
    CHECK_FALSE(*door->hold_lease("controller", "b", minute, soon()));
    REQUIRE(door->release_lease("controller", "a", soon()).ok());
    CHECK(*door->hold_lease("controller", "b", minute, soon()));
    CHECK(door->release_lease("never-held", "a", soon()).ok());
  }
  SECTION("it ends by itself") {
    REQUIRE(*door->hold_lease("controller", "a", std::chrono::milliseconds(1), soon()));
    bool taken = false;
    for (const auto end = soon(); !taken && std::chrono::steady_clock::now() < end;) {
      taken = *door->hold_lease("controller", "b", minute, soon());
    }
    CHECK(taken);
    CHECK_FALSE(*door->hold_lease("controller", "a", minute, soon()));
  }
}

}  // namespace neonvm::contracts
