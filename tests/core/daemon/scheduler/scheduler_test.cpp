#include "core/daemon/scheduler.hpp"

#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"

using namespace neonvm;
using namespace neonvm::tests;

TEST_CASE("a VM is placed once, grows as far as there is room, and gives back what it has given back") {
  Desk desk;
  desk.node("n1", 8, 16);
  desk.vm("web", 1, 2);
  desk.vm("db", 4, 8);
  desk.open();
  CHECK(desk.place("web", "web-1").value() == "n1");
  CHECK(desk.place("web", "web-1").value() == "n1");
  CHECK(desk.reserved("n1") == size(1, 2));
  desk.run("web", "web-1", "n1");
  CHECK(desk.place("db", "db-1").value() == "n1");
  desk.run("db", "db-1", "n1");
  CHECK(desk.ask("web-1", 6, 4)->permit == size(4, 4));
  desk.spec("web", [](VmSpec& s) { s.cpu.use = MilliCpu{4000}, s.memory.use = Bytes{4 * gib}; });
  desk.status("web", [](VmStatus& s) { s.cpu.actual = MilliCpu{4000}, s.memory.actual = Bytes{4 * gib}; });
  desk.until([&] { return desk.scheduler->ledger().find("web-1")->actual == size(4, 4); });
  // It asks for less; the guest has not given the memory back yet.
  CHECK(desk.ask("web-1", 1, 2)->permit == size(1, 2));
  CHECK(desk.reserved("n1") == size(8, 12));
  desk.status("web", [](VmStatus& s) { s.cpu.actual = MilliCpu{1000}, s.memory.actual = Bytes{2 * gib}; });
  desk.until([&] { return desk.reserved("n1") == size(5, 10); });
}

TEST_CASE("a VM without room waits with the reason, and is told when there is room") {
  Desk desk;
  desk.node("n1", 4, 8);
  desk.vm("web", 3, 4);
  desk.vm("db", 2, 4);
  desk.open();
  int told = 0;
  desk.scheduler->on_room([&] { ++told; });
  desk.run("web", "web-1", "n1");
  desk.until([&] { return desk.scheduler->ledger().find("web-1") != nullptr; });
  const auto no = desk.place("db", "db-1");
  CHECK(no.error().code == Code::out_of_capacity);
  CHECK(no.error().message == "no node has 2 CPU, 4Gi free: n1 lacks 1 CPU");
  CHECK(told == 0);
  desk.orchestrator.runner_ended("web-1", RunnerPhase::succeeded, "powered off");
  desk.until([&] { return told == 1; });
  CHECK(desk.place("db", "db-1").value() == "n1");
}

TEST_CASE("a VM that may be overcommitted takes a part of its size, and grows by the room times that") {
  Desk desk;
  desk.node("n1", 4, 8);
  desk.vm("test", 2, 4);
  desk.raw_spec("test", R"("overcommit":{"cpu":2,"memory":"1"})");
  desk.open();
  CHECK(desk.place("test", "test-1").value() == "n1");
  CHECK(desk.reserved("n1") == size(1, 4));
  desk.run("test", "test-1", "n1");
  desk.until([&] { return desk.scheduler->ledger().find("test-1")->actual == size(2, 4); });
  CHECK(desk.reserved("n1") == size(1, 4));
  CHECK(desk.ask("test-1", 9, 9)->permit == size(8, 8));
  // It is no longer overcommitted: what it holds is more than there is, and nothing else grows.
  desk.raw_spec("test", R"("overcommit":null)");
  desk.until([&] { return desk.reserved("n1") == size(8, 8); });
}

TEST_CASE("whoever looks for a fault sees the books") {
  Desk desk;
  desk.node("n1", 4, 8);
  desk.vm("web", 2, 4);
  desk.open();
  CHECK(desk.place("web", "web-1").value() == "n1");
  const auto state = desk.scheduler->state();
  CHECK(state.not_ready == "");
  REQUIRE(state.nodes.size() == 1);
  CHECK(state.nodes[0].reserved == size(2, 4));
  REQUIRE(state.nodes[0].holders.size() == 1);
  CHECK(state.nodes[0].holders[0].holder == "web-1");
  CHECK(state.kept == std::vector<std::string>{"web-1"});
  const std::string text = wire::encode(state);
  CHECK(text.find(R"("reserved":{"cpu":2,"memory":"4Gi"})") != std::string::npos);
  CHECK(text.find(R"("ready":true)") != std::string::npos);
}

TEST_CASE("a factor that cannot be read counts as one") {
  Desk desk;
  desk.node("n1", 4, 8);
  desk.vm("test", 2, 4);
  desk.raw_spec("test", R"("overcommit":{"cpu":"much"})");
  desk.open();
  CHECK(desk.place("test", "test-1").value() == "n1");
  CHECK(desk.reserved("n1") == size(2, 4));
}

TEST_CASE("a runner that vanished while its QEMU may live keeps its booking for its successor") {
  Desk desk;
  desk.node("n1", 8, 16);
  desk.vm("web", 2, 4);
  desk.open();
  REQUIRE(desk.place("web", "web-1"));
  desk.run("web", "web-1", "n1");
  desk.until([&] { return desk.scheduler->ledger().find("web-1")->actual == size(2, 4); });
  CHECK(desk.ask("web-1", 4, 8)->permit == size(4, 8));
  desk.orchestrator.runner_ended("web-1", RunnerPhase::failed, "killed", true);
  desk.runner("web", "web-2", "n1", RunnerRole::source, true);
  desk.until([&] { return desk.scheduler->ledger().find("web-2") != nullptr; });
  CHECK(desk.scheduler->ledger().find("web-1") == nullptr);
  CHECK(desk.reserved("n1") == size(4, 8));
}

TEST_CASE("both ends of a migration count until one is gone; meanwhile the VM does not grow") {
  Desk desk;
  desk.node("n1", 8, 16);
  desk.node("n2", 8, 16);
  Object vm = desk.vm("web", 2, 4);
  desk.open();
  desk.run("web", "web-1", "n1");
  desk.until([&] { return desk.scheduler->ledger().find("web-1") != nullptr; });
  CHECK(desk.scheduler->choose({vm, "web-2", "", "n1"}, true).value() == "n2");
  CHECK(desk.ask("web-1", 4, 8)->permit == size(2, 4));
  desk.runner("web", "web-2", "n2", RunnerRole::target);
  desk.status("web", [](VmStatus& s) { s.runner = "web-2", s.node = "n2"; });
  desk.orchestrator.runner_ended("web-1", RunnerPhase::succeeded, "migrated away");
  desk.until([&] { return desk.reserved("n1") == Resources{}; });
  CHECK(desk.ask("web-2", 4, 8)->permit == size(4, 8));
}

TEST_CASE("a restarted scheduler finds its books, and grants nothing before everybody has restated") {
  Desk desk;
  desk.node("n1", 8, 16);
  desk.vm("a", 2, 4);
  desk.vm("b", 2, 4);
  desk.run("a", "a-1", "n1");
  desk.run("b", "b-1", "n1");
  desk.open();
  CHECK(desk.reserved("n1") == size(4, 8));
  CHECK(desk.ask("a-1", 6, 4)->permit == size(2, 4));
  // b had been promised 5 by the former books.
  CHECK(desk.ask("b-1", 5, 4, size(5, 4))->permit == size(5, 4));
  CHECK(desk.ask("a-1", 6, 4)->permit == size(3, 4));

  desk.restart_scheduler();
  CHECK(desk.ask("a-1", 6, 4)->permit == size(2, 4));
  desk.clock.advance(daemon::SchedulerSettings{}.confirm_within);
  CHECK(desk.ask("a-1", 6, 4)->permit == size(6, 4));
}

TEST_CASE("what a person wrote without a permit is not booked beyond the node by a restart") {
  Desk desk;
  desk.node("n1", 8, 16);
  desk.vm("a", 2, 4, false);
  desk.vm("b", 4, 4, false);
  desk.run("a", "a-1", "n1");
  desk.run("b", "b-1", "n1");
  desk.spec("a", [](VmSpec& s) { s.cpu.use = MilliCpu{16000}; });
  desk.open();
  CHECK(desk.reserved("n1") == size(8, 8));
}

TEST_CASE("requests that cannot be answered say so") {
  Desk desk;
  daemon::Scheduler early(desk.loop, desk.orchestrator, desk.world, desk.metrics);
  wire::PermitRequest request;
  request.runner = "web-1";
  request.compute_unit = default_compute_unit;
  CHECK(early.permit(request).error().code == Code::unavailable);
  desk.open();
  CHECK(desk.ask("nobody", 1, 1).error().code == Code::not_found);
  request.version = 6;
  CHECK(desk.scheduler->permit(request).error().code == Code::invalid_argument);
  request.version = 7;
  request.compute_unit = {};
  CHECK(desk.scheduler->permit(request).error().code == Code::invalid_argument);
}

TEST_CASE("a place that nobody came to take is free again") {
  Desk desk;
  desk.node("n1", 4, 8);
  desk.vm("web", 3, 4);
  desk.open();
  REQUIRE(desk.place("web", "web-1"));
  desk.loop.post([] {});
  desk.until([&] { return true; });
  desk.clock.advance(std::chrono::minutes(3));
  desk.until([&] { return desk.reserved("n1") == Resources{}; });
}

TEST_CASE("above the watermark a VM that may is sent away, once") {
  Desk desk;
  desk.node("n1", 8, 32, 0.5);
  desk.node("n2", 8, 32, 0.5);
  desk.vm("stays", 3, 4);
  desk.vm("goes", 2, 4, true, true);
  desk.run("stays", "stays-1", "n1");
  desk.run("goes", "goes-1", "n1");
  desk.open();
  desk.until([&] { return !desk.world.all(Kind::migration).empty(); });
  const Object& migration = desk.world.all(Kind::migration).begin()->second;
  CHECK(migration.name == "schedplugin-goes-1");
  CHECK(migration.labels.at(daemon::made_by_scheduler) == "true");
  const auto spec = wire::decode_migration_spec(migration.spec).value();
  CHECK(spec.vm == "goes");
  CHECK(spec.target_node == "n2");
  // Its failure is not followed by another try at once.
  Object failed = migration;
  MigrationStatus status;
  status.phase = MigrationPhase::failed;
  status.ended = desk.loop.wall();
  failed.status = wire::encode(status);
  REQUIRE(desk.orchestrator.update_status(failed, daemon::call_deadline()));
  desk.until([&] { return desk.world.find(Kind::migration, migration.name)->status != "{}"; });
  const auto writes = desk.orchestrator.writes();
  desk.clock.advance(std::chrono::minutes(1));
  CHECK(desk.orchestrator.writes() == writes);
  // After the rest the old object goes and the VM may be sent again: so soon that nobody need see the time between.
  desk.clock.advance(std::chrono::minutes(5));
  desk.until([&] {
    const auto& all = desk.world.all(Kind::migration);
    return all.empty() || all.begin()->second.uid != failed.uid;
  });
}
