#include <array>
#include <thread>

#include "core/plugin/catalog.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/plugin/scripted_orchestrator.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

const std::array<neonvm_plugin_getter, 1> builtins{neonvm_plugin_v1_orchestrator_scripted};
const Deadline deadline{Duration(77)};

std::unique_ptr<Orchestrator> fresh() {
  script() = {};
  auto orchestrator = Catalog(builtins, {}).open_orchestrator("scripted");
  REQUIRE(orchestrator);
  return std::move(*orchestrator);
}

std::string last_call() { return script().calls.back(); }
Instant soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

}  // namespace

TEST_CASE("orchestrator tunnel: reading") {
  const auto door = fresh();
  const auto all = door->list(Kind::node, deadline);
  CHECK(last_call() == "list 2 @77");
  REQUIRE(all);
  REQUIRE(all->size() == 2);
  CHECK(wire::encode_object((*all)[0]) == wire::encode_object(sample_object("a")));
  CHECK(wire::encode_object((*all)[1]) == wire::encode_object(sample_object("b")));
  const auto of_one = door->list_runners("web", deadline);
  CHECK(last_call() == "list_runners web @77");
  REQUIRE(of_one);
  CHECK(of_one->size() == 1);
  const auto one = door->get(Kind::migration, "a", deadline);
  CHECK(last_call() == "get 1 a @77");
  CHECK(wire::encode_object(*one) == wire::encode_object(sample_object("a")));
  CHECK(door->vm_directory("web") == "/vms/web");
  const auto access = door->runner_access("web", deadline);
  CHECK(last_call() == "runner_access web @77");
  REQUIRE(access);
  CHECK(*door->webhook_authority(deadline) == Authority{"-----BEGIN", "a key"});
  CHECK(*access == RunnerAccess{"-----BEGIN", "web.vm", "s3cret\n\"x"});
  CHECK(*door->scheduler_access(deadline) == RunnerAccess{"-----BEGIN", "scheduler", "s3cret"});
  CHECK(door->list(Kind::neighbour, deadline));
  CHECK(last_call() == "list 4 @77");
  CHECK(door->bind_pod("prod/web-1", "u-1", "n1", deadline));
  CHECK(last_call() == "bind_pod prod/web-1 u-1 n1 @77");
  CHECK(door->show_room("n1", {MilliCpu{1500}, Bytes{3 * gib}}, true, deadline));
  CHECK(last_call() == "show_room n1 1.5 CPU, 3Gi came @77");
  CHECK(door->lead_service({"s", "10.0.0.7", {{"permits", 10299}}}, deadline));
  CHECK(last_call() == "lead_service s 10.0.0.7:10299 @77");
  CHECK(*door->tend(sample_object("a"), deadline) == std::optional<Duration>(std::chrono::hours(1)));
  CHECK(last_call() == "tend a @77");
  CHECK(*door->tend(sample_object("b"), deadline) == std::nullopt);
  std::vector<std::string> said;
  CHECK(door->runner_log("web-1", -1, true, [&said](std::string_view piece) { said.emplace_back(piece); }, deadline));
  CHECK(last_call() == "runner_log web-1 -1 on @77");
  CHECK(said == std::vector<std::string>{"one\ntw", "", "o\n"});
  const auto thrower = [](std::string_view) { throw std::runtime_error("full"); };
  CHECK_THROWS_WITH(door->runner_log("web-1", 3, false, thrower, deadline), "full");
}

TEST_CASE("orchestrator tunnel: objects cross whole") {
  const auto door = fresh();
  const Object sent = sample_object("a");
  const auto stored = door->update(sent, deadline);
  REQUIRE(stored);
  CHECK(stored->kind == sent.kind);
  CHECK(stored->ns == sent.ns);
  CHECK(stored->name == sent.name);
  CHECK(stored->uid == sent.uid);
  CHECK(stored->version == sent.version + 1);
  CHECK(stored->generation == sent.generation);
  CHECK(stored->created == sent.created);
  CHECK(stored->deleting == sent.deleting);
  CHECK(stored->finalizer == sent.finalizer);
  CHECK(stored->labels == sent.labels);
  CHECK(stored->annotations == sent.annotations);
  CHECK(stored->owner_uid == sent.owner_uid);
  CHECK(stored->spec == sent.spec);
  CHECK(stored->status == sent.status);
}

TEST_CASE("orchestrator tunnel: writing") {
  const auto door = fresh();
  const Object object = sample_object("a");
  const std::string json = wire::encode_object(object);
  CHECK(door->create(object, deadline)->version == 8);
  CHECK(last_call() == "create " + json + " @77");
  CHECK(door->update(object, deadline)->version == 8);
  CHECK(last_call() == "update " + json + " @77");
  CHECK(door->update_status(object, deadline)->version == 8);
  CHECK(last_call() == "update_status " + json + " @77");
  CHECK(door->start_runner(object, deadline)->version == 8);
  CHECK(last_call() == "start_runner " + json + " @77");
  CHECK(door->remove(Kind::runner, "r", deadline));
  CHECK(last_call() == "remove 3 r @77");
  CHECK(door->stop_runner("r", std::chrono::seconds(2), deadline));
  CHECK(last_call() == "stop_runner r 2000000000 @77");
  CHECK(*door->hold_lease("l", "me", Duration(5), deadline));
  CHECK_FALSE(*door->hold_lease("l", "you", Duration(5), deadline));
  CHECK(last_call() == "hold_lease l you 5 @77");
  CHECK(door->release_lease("l", "me", deadline));
  CHECK(last_call() == "release_lease l me @77");
}

TEST_CASE("orchestrator tunnel: events") {
  const auto door = fresh();
  CHECK(door->record(sample_happening(), deadline));
  CHECK(last_call() == "record " + wire::encode(sample_happening()) + " @77");
  const auto events = door->events(41, deadline);
  CHECK(last_call() == "events 41 @77");
  REQUIRE(events);
  REQUIRE(events->size() == 2);
  CHECK((*events)[0].sequence == 42);
  CHECK((*events)[1].sequence == ~0ULL);
  CHECK(wire::encode((*events)[1].event) == wire::encode(sample_happening()));
  CHECK(door->wait_events(0, deadline)->size() == 2);
  CHECK(last_call() == "wait_events 0 @77");
}

TEST_CASE("orchestrator tunnel: a watch is pulled") {
  const auto door = fresh();
  const auto watch = door->watch(Kind::virtual_machine, deadline);
  REQUIRE(watch);
  for (const ChangeKind kind : {ChangeKind::added, ChangeKind::synced, ChangeKind::changed, ChangeKind::deleted}) {
    Change change;
    change.kind = kind;
    if (kind != ChangeKind::synced) change.object = sample_object("w");
    push(change);
    const auto got = (*watch)->next(soon());
    REQUIRE(got);
    REQUIRE(got->has_value());
    CHECK((*got)->kind == kind);
    CHECK(wire::encode_object((*got)->object) == wire::encode_object(change.object));
  }
  // A deadline that has passed: nothing came.
  const auto none = (*watch)->next(Deadline{});
  REQUIRE(none);
  CHECK_FALSE(none->has_value());
}

TEST_CASE("orchestrator tunnel: wake reaches a blocked watch from another thread") {
  const auto door = fresh();
  const auto watch = door->watch(Kind::virtual_machine, deadline);
  REQUIRE(watch);
  std::thread waker([&] {
    while (!somebody_waits()) std::this_thread::yield();
    (*watch)->wake();
  });
  const Instant limit = soon();
  const auto none = (*watch)->next(limit);
  waker.join();
  CHECK(std::chrono::steady_clock::now() < limit);
  REQUIRE(none);
  CHECK_FALSE(none->has_value());
}

TEST_CASE("orchestrator tunnel: errors and exceptions of every call") {
  const auto door = fresh();
  const auto watch = door->watch(Kind::node, deadline);
  REQUIRE(watch);
  const Object object = sample_object("a");
  const auto all = [&](const auto& check) {
    check(door->list(Kind::node, deadline));
    check(door->get(Kind::node, "a", deadline));
    check(door->create(object, deadline));
    check(door->update(object, deadline));
    check(door->update_status(object, deadline));
    check(door->remove(Kind::node, "a", deadline));
    check(door->watch(Kind::node, deadline));
    check((*watch)->next(deadline));
    check(door->record(sample_happening(), deadline));
    check(door->events(0, deadline));
    check(door->wait_events(0, deadline));
    check(door->start_runner(object, deadline));
    check(door->stop_runner("a", {}, deadline));
    check(door->hold_lease("l", "me", {}, deadline));
    check(door->release_lease("l", "me", deadline));
  };
  script().error = Error{Code::conflict, "read again"};
  all([](const auto& result) {
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Code::conflict);
    CHECK(result.error().message == "read again");
  });
  script().throws = true;
  all([](const auto& result) {
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Code::internal);
    CHECK(result.error().message == "orchestrator scripted: boom");
  });
  CHECK(door->vm_directory("web") == "");
}

TEST_CASE("orchestrator tunnel: a watch outlives the door and closes its plugin at last") {
  auto door = fresh();
  auto watch = door->watch(Kind::node, deadline);
  CHECK(script().alive == 2);
  door.reset();
  CHECK(script().alive == 2);
  *watch = nullptr;
  CHECK(script().alive == 0);
}

TEST_CASE("orchestrator tunnel: a class without settings refuses them") {
  const auto refused = Catalog(builtins, {}).open_orchestrator("scripted", {{"store", "/x"}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::invalid_argument);
  CHECK(refused.error().message ==
        "orchestrator scripted: unknown setting \"store\"; this plugin has none");
}
