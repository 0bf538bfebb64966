#include <algorithm>
#include <map>
#include <thread>

#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {
namespace {

std::unique_ptr<Watch> synced_watch(Orchestrator& door) {
  auto watch = door.watch(Kind::virtual_machine, soon());
  REQUIRE(watch.ok());
  read_to_synced(**watch);
  return std::move(*watch);
}

void follows(Orchestrator& door) {
  SECTION("first everything that exists, then synced, then each change") {
    REQUIRE(door.create(vm_object("a"), soon()).ok());
    REQUIRE(door.create(vm_object("b"), soon()).ok());
    const auto watch = door.watch(Kind::virtual_machine, soon());
    REQUIRE(watch.ok());
    auto first = read_to_synced(**watch);
    REQUIRE(first.size() == 2);
    std::sort(first.begin(), first.end(), [](const auto& x, const auto& y) { return x.object.name < y.object.name; });
    CHECK(first[0].kind == ChangeKind::added);
    CHECK(first[0].object.name == "a");
    CHECK(first[0].object.spec == R"({"a":1})");
    CHECK(first[1].object.name == "b");
    Object object = first[0].object;
    object.status = R"({"s":1})";
    REQUIRE(door.update_status(object, soon()).ok());
    auto change = next_change(**watch);
    CHECK(change.kind == ChangeKind::changed);
    CHECK(change.object.status == R"({"s":1})");
    REQUIRE(door.remove(Kind::virtual_machine, "a", soon()).ok());
    change = next_change(**watch);
    CHECK(change.kind == ChangeKind::deleted);
    CHECK(change.object.name == "a");
    CHECK(change.object.uid == object.uid);
    CHECK(change.object.spec == R"({"a":1})");
    CHECK(change.object.status == R"({"s":1})");
    REQUIRE(door.create(vm_object("c"), soon()).ok());
    change = next_change(**watch);
    CHECK(change.kind == ChangeKind::added);
    CHECK(change.object.name == "c");
  }
  SECTION("another kind is not its business") {
    const auto watch = synced_watch(door);
    Object other = vm_object("m");
    other.kind = Kind::migration;
    REQUIRE(door.create(other, soon()).ok());
    REQUIRE(door.create(vm_object("v"), soon()).ok());
    CHECK(next_change(*watch).object.name == "v");
  }
}

void ends(Orchestrator& door) {
  SECTION("a deletion and a new object of the same name are two changes") {
    const Object first = *door.create(vm_object("web"), soon());
    const auto watch = synced_watch(door);
    REQUIRE(door.remove(Kind::virtual_machine, "web", soon()).ok());
    const Object second = *door.create(vm_object("web"), soon());
    auto change = next_change(*watch);
    CHECK(change.kind == ChangeKind::deleted);
    CHECK(change.object.uid == first.uid);
    change = next_change(*watch);
    CHECK(change.kind == ChangeKind::added);
    CHECK(change.object.uid == second.uid);
  }
  SECTION("a finalizer's mark is seen before the end") {
    Object object = vm_object("web");
    object.finalizer = true;
    object = *door.create(object, soon());
    const auto watch = synced_watch(door);
    REQUIRE(door.remove(Kind::virtual_machine, "web", soon()).ok());
    Change change = next_change(*watch);
    CHECK(change.kind == ChangeKind::changed);
    REQUIRE(change.object.deleting.has_value());
    change.object.finalizer = false;
    REQUIRE(door.update(change.object, soon()).ok());
    CHECK(next_change(*watch).kind == ChangeKind::deleted);
  }
}

// Several writers at once; whatever is left out on the way, the watch must end where the store ends.
void keeps_up(const OrchestratorUnderTest& under_test) {
  SECTION("versions never go back and the last state arrives") {
    Orchestrator& door = *under_test.door;
    const auto watch = synced_watch(door);
    const auto write = [&](const std::string& name) {
      for (int round = 0; round < 40; ++round) {
        if (round % 8 == 7) (void)door.remove(Kind::virtual_machine, name, soon());
        if (round % 8 == 0) (void)door.create(vm_object(name), soon());
        auto object = door.get(Kind::virtual_machine, name, soon());
        if (!object) continue;
        object->status = "{\"round\":" + std::to_string(round) + "}";
        (void)door.update_status(*object, soon());
      }
      (void)door.create(vm_object(name, R"({"end":true})"), soon());
    };
    std::vector<std::jthread> writers;
    for (const char* name : {"a", "b", "c"}) writers.emplace_back(write, name);
    std::map<std::string, Object> seen;
    std::uint64_t newest = 0;
    int ended = 0;
    while (ended < 3) {
      const Change change = next_change(*watch);
      CHECK(change.object.version >= newest);
      newest = change.object.version;
      const auto known = seen.find(change.object.name);
      CHECK((change.kind == ChangeKind::added) == (known == seen.end()));
      if (known != seen.end()) CHECK(known->second.uid == change.object.uid);
      if (change.kind == ChangeKind::deleted) {
        seen.erase(change.object.name);
      } else {
        seen[change.object.name] = change.object;
        ended += change.object.spec == R"({"end":true})" ? 1 : 0;
      }
    }
    const auto stored = door.list(Kind::virtual_machine, soon());
    REQUIRE(stored.ok());
    for (const auto& object : *stored) {
      CHECK(seen[object.name].version == object.version);
    }
  }
}

}  // namespace

void orchestrator_watches(const MakeOrchestrator& make) {
  const auto under_test = make();
  follows(*under_test.door);
  ends(*under_test.door);
  keeps_up(under_test);
}

void orchestrator_wakes_watches(const MakeOrchestrator& make) {
  const auto under_test = make();
  Orchestrator& door = *under_test.door;
  const auto watch = synced_watch(door);
  SECTION("none at the deadline") {
    const auto change = watch->next(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    REQUIRE(change.ok());
    CHECK_FALSE(change->has_value());
  }
  SECTION("a blocked next ends with the write") {
    std::jthread writer([&] { (void)door.create(vm_object("late"), soon()); });
    CHECK(next_change(*watch).object.name == "late");
  }
  SECTION("wake ends a blocked next, and the next one blocks again") {
    std::jthread waker([&] { watch->wake(); });
    auto change = watch->next(soon());
    REQUIRE(change.ok());
    CHECK_FALSE(change->has_value());
    waker.join();
    REQUIRE(door.create(vm_object("after"), soon()).ok());
    CHECK(next_change(*watch).object.name == "after");
  }
  SECTION("a write through another hold on the store is seen too") {
    if (!under_test.again) return;
    const auto other = under_test.again();
    std::jthread writer([&] { (void)other->create(vm_object("elsewhere"), soon()); });
    CHECK(next_change(*watch).object.name == "elsewhere");
  }
}

}  // namespace neonvm::contracts
