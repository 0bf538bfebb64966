#include "core/wire/model_json.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {
namespace {

void creates(Orchestrator& door) {
  SECTION("create fills in the bookkeeping, get and list give it back whole") {
    Object wish = vm_object("web");
    wish.labels = {{"app", "shop"}};
    wish.annotations = {{"note", "x \"y\" z\n"}};
    wish.owner_uid = "parent";
    wish.finalizer = true;
    wish.status = R"({"phase":"Running"})";
    const auto made = door.create(wish, soon());
    REQUIRE(made.ok());
    CHECK_FALSE(made->uid.empty());
    CHECK(made->version > 0);
    CHECK(made->generation == 1);
    CHECK(made->created > WallTime{});
    CHECK(made->status == "{}");  // facts are written by update_status alone
    const auto read = door.get(Kind::virtual_machine, "web", soon());
    REQUIRE(read.ok());
    CHECK(read->uid == made->uid);
    CHECK(read->version == made->version);
    CHECK(read->created == made->created);
    CHECK(read->labels == wish.labels);
    CHECK(read->annotations == wish.annotations);
    CHECK(read->owner_uid == "parent");
    CHECK(read->finalizer);
    CHECK(read->spec == wish.spec);
    CHECK_FALSE(read->deleting.has_value());
    REQUIRE(door.list(Kind::virtual_machine, soon())->size() == 1);
    CHECK(door.list(Kind::migration, soon())->empty());
  }
  SECTION("a name is taken once a kind, and must be a DNS label") {
    REQUIRE(door.create(vm_object("web"), soon()).ok());
    CHECK(door.create(vm_object("web"), soon()).error().code == Code::already_exists);
    Object other = vm_object("web");
    other.kind = Kind::migration;
    CHECK(door.create(other, soon()).ok());
    const std::vector<std::string> bad = {"", "Web", "a_b", "-a", "a-", "a/b", std::string(64, 'a')};
    for (const std::string& name : bad) {
      INFO(name);
      CHECK(door.create(vm_object(name), soon()).error().code == Code::invalid_argument);
    }
    CHECK(door.create(vm_object(std::string(63, 'a')), soon()).ok());
    CHECK(door.get(Kind::virtual_machine, "nobody", soon()).error().code == Code::not_found);
  }
  SECTION("a runner is not created but started") {
    CHECK(door.create(runner_object("r", "web"), soon()).error().code == Code::invalid_argument);
  }
}

void updates(Orchestrator& door) {
  SECTION("update writes what is wanted, update_status what is") {
    Object object = *door.create(vm_object("web"), soon());
    object.spec = R"({"a":2})";
    object.status = "{\"x\":1}";
    object.labels = {{"k", "v"}};
    object.annotations = {{"n", "w"}};
    object.finalizer = true;
    const auto updated = door.update(object, soon());
    REQUIRE(updated.ok());
    CHECK(updated->version > object.version);
    CHECK(updated->generation == 2);
    CHECK(updated->status == "{}");
    CHECK(updated->labels == object.labels);
    CHECK(updated->annotations == object.annotations);
    CHECK(updated->finalizer);
    object = *updated;
    object.spec = R"({"a":3})";
    object.status = R"({"x":2})";
    const auto told = door.update_status(object, soon());
    REQUIRE(told.ok());
    CHECK(told->version > updated->version);
    CHECK(told->generation == 2);
    CHECK(told->spec == R"({"a":2})");
    CHECK(told->status == R"({"x":2})");
    CHECK(door.get(Kind::virtual_machine, "web", soon())->status == R"({"x":2})");
  }
  SECTION("a write over somebody else's is a conflict and changes nothing") {
    const Object before = *door.create(vm_object("web"), soon());
    Object first = before;
    first.spec = R"({"a":2})";
    REQUIRE(door.update(first, soon()).ok());
    Object late = before;
    late.spec = R"({"a":3})";
    CHECK(door.update(late, soon()).error().code == Code::conflict);
    CHECK(door.update_status(late, soon()).error().code == Code::conflict);
    CHECK(door.get(Kind::virtual_machine, "web", soon())->spec == R"({"a":2})");
    CHECK(door.update(vm_object("nobody"), soon()).error().code == Code::not_found);
    CHECK(door.update_status(vm_object("nobody"), soon()).error().code == Code::not_found);
  }
  SECTION("a write that changes nothing keeps the version") {
    const Object object = *door.create(vm_object("web"), soon());
    CHECK(door.update(object, soon())->version == object.version);
    CHECK(door.update_status(object, soon())->version == object.version);
  }
}

void keeps_pools(Orchestrator& door) {
  SECTION("a pool of addresses is called after its range, and two who write it do not undo each other's work") {
    Object pool;
    pool.kind = Kind::ip_pool;
    pool.name = "neonvm-10.100.0.0-16";
    pool.spec = R"({"allocations":{},"range":"10.100.0.0/16"})";
    CHECK(door.get(Kind::ip_pool, pool.name, soon()).error().code == Code::not_found);
    const auto made = door.create(pool, soon());
    REQUIRE(made.ok());
    CHECK(made->spec == pool.spec);
    CHECK(door.create(pool, soon()).error().code == Code::already_exists);
    Object first = *made, second = *made;
    first.spec = R"({"allocations":{"32768":{"id":"default/web"}},"range":"10.100.0.0/16"})";
    second.spec = R"({"allocations":{"32768":{"id":"default/db"}},"range":"10.100.0.0/16"})";
    REQUIRE(door.update(first, soon()).ok());
    CHECK(door.update(second, soon()).error().code == Code::conflict);
    const auto stored = door.get(Kind::ip_pool, pool.name, soon());
    REQUIRE(stored.ok());
    CHECK(stored->spec == first.spec);
    second.version = stored->version;
    CHECK(door.update(second, soon())->spec == second.spec);
    for (const char* bad : {"", "a..b", ".a", "a.", "A.b"}) {
      pool.name = bad;
      INFO(bad);
      CHECK(door.create(pool, soon()).error().code == Code::invalid_argument);
    }
  }
}

}  // namespace

void orchestrator_keeps_objects(const MakeOrchestrator& make) {
  const auto under_test = make();
  creates(*under_test.door);
  updates(*under_test.door);
  keeps_pools(*under_test.door);
}

void orchestrator_removes(const MakeOrchestrator& make) {
  const auto under_test = make();
  Orchestrator& door = *under_test.door;
  SECTION("without a finalizer it goes at once, and again is no error") {
    const Object first = *door.create(vm_object("web"), soon());
    REQUIRE(door.remove(Kind::virtual_machine, "web", soon()).ok());
    CHECK(door.get(Kind::virtual_machine, "web", soon()).error().code == Code::not_found);
    CHECK(door.remove(Kind::virtual_machine, "web", soon()).ok());
    const auto second = door.create(vm_object("web"), soon());
    REQUIRE(second.ok());
    CHECK(second->uid != first.uid);
    CHECK(second->version > first.version);
    CHECK(door.update(first, soon()).error().code == Code::conflict);
  }
  SECTION("with a finalizer it stays, marked, until that is taken off") {
    Object object = vm_object("web");
    object.finalizer = true;
    object = *door.create(object, soon());
    REQUIRE(door.remove(Kind::virtual_machine, "web", soon()).ok());
    Object marked = *door.get(Kind::virtual_machine, "web", soon());
    REQUIRE(marked.deleting.has_value());
    CHECK(marked.version > object.version);
    REQUIRE(door.remove(Kind::virtual_machine, "web", soon()).ok());
    CHECK(door.get(Kind::virtual_machine, "web", soon())->deleting == marked.deleting);
    CHECK(door.create(vm_object("web"), soon()).error().code == Code::already_exists);
    marked.status = R"({"cleaning":true})";
    marked = *door.update_status(marked, soon());
    marked.finalizer = false;
    REQUIRE(door.update(marked, soon()).ok());
    CHECK(door.get(Kind::virtual_machine, "web", soon()).error().code == Code::not_found);
  }
}

}  // namespace neonvm::contracts
