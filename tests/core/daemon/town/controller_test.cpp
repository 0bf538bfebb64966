// The controller against real runners over fake machines.
#include "core/wire/model_json.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;

TEST_CASE("a VM is placed, started, sized by hand, stopped, started again and deleted") {
  Town town;
  town.node("n1", 4, 8);
  town.vm("web", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.status("web").guest_connected; }));
  CHECK(town.status("web").node == "n1");
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{3000}, s.memory.use = Bytes{4 * gib}; });
  REQUIRE(town.until([&] { return town.has("web", 3, 4); }));
  CHECK(town.status("web").current_revision == town.spec("web").target_revision);
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{500}, s.memory.use = Bytes{512 * mib}; });
  REQUIRE(town.until([&] { return town.has("web", 0.5, 0.5); }));
  // What it gave back is free again.
  REQUIRE(town.until([&] { return town.plane->scheduler->ledger().totals("n1").reserved.memory == Bytes{512 * mib}; }));
  town.edit("web", [](VmSpec& s) { s.stopped = true; });
  REQUIRE(town.until([&] { return town.status("web").phase == Phase::stopped; }));
  CHECK(town.machines->alive().empty());
  CHECK(town.plane->scheduler->ledger().bookings().empty());
  town.edit("web", [](VmSpec& s) { s.stopped = false; });
  REQUIRE(town.until([&] { return town.has("web", 0.5, 0.5); }));
  town.remove("web");
  REQUIRE(town.until([&] { return !town.exists("web"); }));
  CHECK(town.machines->alive().empty());
  CHECK(town.broken() == "");
}

TEST_CASE("a VM that is sized by hand gets what the node has, says why not more, and the rest when there is room") {
  Town town;
  town.node("n1", 4, 8);
  town.vm("a", 2, 2);
  town.vm("b", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("a", 2, 2) && town.has("b", 1, 1); }));
  town.edit("b", [](VmSpec& s) { s.cpu.use = MilliCpu{4000}; });
  REQUIRE(town.until([&] { return town.status("b").cpu.actual == MilliCpu{2000}; }));
  REQUIRE(town.until([&] { return town.status("b").why.find("the node gives") != std::string::npos; }));
  CHECK_FALSE(town.status("b").cpu.settled);
  CHECK(town.broken() == "");
  town.remove("a");
  REQUIRE(town.until([&] { return town.has("b", 4, 1); }));
}

TEST_CASE("a guest hears of a size that is given by hand, and cannot forbid it") {
  Town town;
  town.node("n1", 4, 8);
  town.vm("web", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.status("web").guest_connected; }));
  auto& guest = *town.guests.at(town.qemu_of("web"));
  const auto heard = [&guest](const auto& is_it) {
    const auto all = guest.heard();
    return std::count_if(all.begin(), all.end(), is_it);
  };
  const auto grown = [](const wire::GuestMessage& m) {
    const auto* news = std::get_if<wire::TellGrown>(&m);
    return news && news->granted == Resources{MilliCpu{2000}, Bytes{2 * gib}};
  };
  const auto asked = [](const wire::GuestMessage& m) {
    const auto* question = std::get_if<wire::AskConsent>(&m);
    return question && question->target == Resources{MilliCpu{1000}, Bytes{gib}};
  };
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{2000}, s.memory.use = Bytes{2 * gib}; });
  REQUIRE(town.until([&] { return town.has("web", 2, 2) && heard(grown) == 1; }));
  guest.refuses_shrink = true;
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{1000}, s.memory.use = Bytes{gib}; });
  REQUIRE(town.until([&] { return town.has("web", 1, 1); }));
  CHECK(heard(asked) == 1);
  CHECK(heard(grown) == 1);
  guest.silent = true;  // a monitor that hangs does not hold it up for ever
  town.edit("web", [](VmSpec& s) { s.memory.use = Bytes{gib / 2}; });
  REQUIRE(town.until([&] { return town.has("web", 1, 0.5); }, std::chrono::seconds(60)));
}

TEST_CASE("a VM without room waits with the reason and starts when room appears") {
  Town town;
  town.node("n1", 2, 4);
  town.vm("a", 2, 2);
  town.open();
  REQUIRE(town.until([&] { return town.runs("a"); }));
  town.vm("b", 1, 1);
  REQUIRE(town.until([&] { return town.status("b").why.find("no node has 1 CPU, 1Gi free") != std::string::npos; }));
  CHECK(town.status("b").phase == Phase::pending);
  town.remove("a");
  REQUIRE(town.until([&] { return town.runs("b"); }));
}

namespace {

// Room comes just when the first who asked was told that there is none, and before he has heard it.
class RoomMeanwhile final : public daemon::PlacementOffice {
 public:
  RoomMeanwhile(runtime::Loop& loop, daemon::PlacementOffice& office) : loop_(loop), office_(office) {}
  void place(const daemon::PlacementAsk& ask, Placed done) override {
    refused_ ? office_.place(ask, std::move(done)) : refuse(std::move(done));
  }
  void reserve_target(const daemon::PlacementAsk& ask, Placed done) override {
    moved_ ? office_.reserve_target(ask, std::move(done)) : refuse(std::move(done));
    moved_ = true;
  }
  void release(const std::string& runner) override { office_.release(runner); }
  void on_room(std::function<void()> listener) override { listener_ = std::move(listener); }

 private:
  void refuse(Placed done) {
    refused_ = true;
    loop_.post([this, done = std::move(done)] {
      listener_();
      done(Error{Code::out_of_capacity, "no node has room"});
    });
  }

  runtime::Loop& loop_;
  daemon::PlacementOffice& office_;
  bool refused_ = false, moved_ = false;
  std::function<void()> listener_;
};

}  // namespace

TEST_CASE("room that comes while a refusal is on its way is not missed") {
  Town town;
  town.way_to_places = [&town](daemon::PlacementOffice& office) { return std::make_unique<RoomMeanwhile>(town.loop, office); };
  town.node("n1", 4, 8);
  town.node("n2", 4, 8);
  town.vm("web", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1); }));
  const std::string move = town.migrate("web").name;
  REQUIRE(town.until([&] { return town.migration(move).phase == MigrationPhase::succeeded; }));
  CHECK(town.broken() == "");
}

TEST_CASE("a QEMU that dies is started again; its reason and count stand in the status") {
  Town town;
  town.node("n1", 4, 8);
  town.vm("web", 1, 1);
  town.vm("once", 1, 1, false, RestartPolicy::never);
  town.open();
  REQUIRE(town.until([&] { return town.runs("web") && town.runs("once"); }));
  town.kill_qemu(town.qemu_of("web"));
  town.kill_qemu(town.qemu_of("once"));
  REQUIRE(town.until([&] { return town.status("web").restarts == 1 && town.runs("web"); }));
  CHECK(town.status("web").last_exit.find("signal 9") != std::string::npos);
  REQUIRE(town.until([&] { return town.status("once").phase == Phase::failed; }));
  CHECK(town.status("once").restarts == 0);
  CHECK(town.broken() == "");
}

TEST_CASE("a runner that dies has a successor that takes hold of the same QEMU") {
  Town town;
  town.node("n1", 4, 8);
  town.vm("web", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1); }));
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{3000}, s.memory.use = Bytes{2 * gib}; });
  REQUIRE(town.until([&] { return town.has("web", 3, 2); }));
  const std::string qemu = town.qemu_of("web"), before = town.status("web").runner;
  town.kill_runner(before);
  REQUIRE(town.until([&] { return town.status("web").runner != before && town.qemu_of("web") == qemu && town.has("web", 3, 2); }));
  CHECK(town.machines->starts() == 1);
  CHECK(town.status("web").restarts == 0);
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{1000}; });
  REQUIRE(town.until([&] { return town.has("web", 1, 2); }));
  CHECK(town.broken() == "");
}

TEST_CASE("a VM whose runner was taken away by force is started again when that one is heard no more") {
  Town town;
  town.node("n1", 4, 8);
  town.open();
  town.vm("web", 1, 1);
  REQUIRE(town.until([&] { return town.runs("web"); }));
  const std::string first = town.status("web").runner;
  town.orchestrator.runner_taken_away(first);
  REQUIRE(town.until([&] { return town.status("web").why == "runner " + first + " is being stopped"; }));
  // Whatever is asked meanwhile.
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{2000}; });
  REQUIRE(town.until([&] { return town.status("web").cpu.asked == MilliCpu{2000}; }));
  CHECK(town.machines->starts() == 1);
  CHECK(town.status("web").runner == first);
  town.kill_runner(first);
  town.kill_qemu(town.machines->alive().front());
  REQUIRE(town.until([&] { return town.runs("web") && town.status("web").runner != first; }));
  CHECK(town.machines->starts() == 2);
  CHECK(town.broken() == "");
}

TEST_CASE("a control plane that died finds everything again and finishes what was asked meanwhile") {
  Town town;
  town.node("n1", 8, 16);
  town.vm("web", 1, 1);
  town.vm("gone", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.has("gone", 1, 1); }));
  town.kill_control_plane();
  town.edit("web", [](VmSpec& s) { s.cpu.use = MilliCpu{4000}; });
  town.remove("gone");
  town.kill_runner(town.status("web").runner);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 4, 1) && !town.exists("gone"); }));
  CHECK(town.machines->starts() == 2);
  CHECK(town.machines->alive().size() == 1);
  CHECK(town.broken() == "");
}

TEST_CASE("a control plane that takes over writes nothing of VMs that go on as they were") {
  Town town;
  town.node("n1", 8, 16);
  town.vm("web", 1, 1);
  town.vm("other", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.has("other", 1, 1); }));
  town.turn(std::chrono::seconds(5));
  const auto version = [&town] { return town.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline()).value().version; };
  const std::uint64_t before = version();
  town.kill_control_plane();
  town.edit("other", [](VmSpec& s) { s.cpu.use = MilliCpu{4000}; });
  town.open();
  REQUIRE(town.until([&] { return town.has("other", 4, 1); }));
  town.turn(std::chrono::seconds(5));
  CHECK(version() == before);
  CHECK(town.broken() == "");
}

TEST_CASE("whatever kind is known last, what was there before is looked at") {
  const Kind last = GENERATE(Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour);
  Town town;
  town.node("n1", 4, 8);
  town.vm("web", 1, 1);
  town.orchestrator.refuse_watches(last);
  town.open();
  REQUIRE(town.until([&] {
    int synced = 0;
    for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour}) synced += town.plane->world->synced(kind);
    return synced == 4;
  }));
  // What comes meanwhile is not lost either.
  town.vm("db", 1, 1);
  town.orchestrator.refuse_watches(last, false);
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.has("db", 1, 1); }));
  CHECK(town.broken() == "");
}

TEST_CASE("what the orchestrator refuses for a while is done later") {
  Town town;
  town.node("n1", 8, 16);
  town.open();
  town.vm("web", 1, 1);
  town.orchestrator.unavailable_for(3);
  REQUIRE(town.until([&] { return town.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline()).ok() && town.runs("web"); }));
  town.orchestrator.conflict_next_writes(1);
  town.orchestrator.lose_next_replies(2);
  // Its own write may be the one that is refused or unheard.
  REQUIRE(town.until([&] {
    auto object = town.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline());
    if (!object) return false;
    auto spec = wire::decode_vm_spec(*object).value();
    if (spec.cpu.use == MilliCpu{2000}) return true;
    spec.cpu.use = MilliCpu{2000};
    wire::encode_vm_spec(spec, *object);
    (void)town.orchestrator.update(*object, daemon::call_deadline());
    return false;
  }));
  REQUIRE(town.until([&] { return town.has("web", 2, 1); }));
  CHECK(town.machines->starts() == 1);
}
