// The runner against the fake hypervisor and a scripted guest, over its real sockets.
#include "core/daemon/runner.hpp"

#include <filesystem>

#include "core/runtime/loop.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_hypervisor.hpp"
#include "tests/support/scripted_guest.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

struct Heard : daemon::Runner::Audience {
  std::vector<wire::RunnerReport> reports;
  std::vector<wire::SamplePush> samples;
  std::vector<wire::WantPush> wants;
  void report(const wire::RunnerReport& r) override { reports.push_back(r); }
  void sample(const wire::SamplePush& s) override { samples.push_back(s); }
  void want(const wire::WantPush& w) override { wants.push_back(w); }
  void guest_data(const wire::StreamData&) override {}
  void guest_ack(const wire::Ack&) override {}
  void guest_gone() override {}
};

MachineSpec machine_in(const std::filesystem::path& directory) {
  MachineSpec machine;
  machine.name = "web";
  machine.uuid = "web-uuid";
  machine.run_dir = directory.string();
  machine.max_cpus = 4;
  machine.boot_cpus = 4;
  machine.online_cpus = 1;
  machine.base_memory = Bytes{512 * mib};
  machine.pluggable_memory = Bytes{2 * gib};
  machine.guest_socket = (directory / "guest.sock").string();
  machine.console_socket = (directory / "console.sock").string();
  return machine;
}

struct World {
  TempDir directory;
  std::shared_ptr<fakes::FakeWorld> machines = std::make_shared<fakes::FakeWorld>();
  fakes::FakeHypervisor hypervisor{machines};
  runtime::Loop loop;
  runtime::MetricsRegistry metrics;
  Heard heard;
  std::optional<RunnerStatus> ended;
  std::unique_ptr<daemon::Runner> runner;

  explicit World(MachineSpec machine = {}, bool attach_only = false) {
    if (machine.run_dir.empty()) machine = machine_in(directory.path());
    begin(std::move(machine), attach_only);
  }
  ~World() { runner.reset(); }

  void begin(MachineSpec machine, bool attach_only = false) {
    daemon::RunnerSettings settings;
    settings.name = "web-1";
    settings.spec.vm = "web";
    settings.spec.attach_only = attach_only;
    settings.machine = std::move(machine);
    settings.memory_quiet = 100ms;
    settings.guest_limit = 500ms;
    runner = std::make_unique<daemon::Runner>(loop, hypervisor, settings, metrics,
                                              [this](const RunnerStatus& status) { ended = status; });
    runner->set_audience(&heard);
    runner->start();
  }

  // Turns the loop until the condition holds; false when 10 s went by.
  bool until(const std::function<bool()>& condition, Duration limit = 10s) {
    return loop.run_until(condition, limit);
  }

  wire::RunnerReply ask(const wire::RunnerBody& body) {
    std::optional<wire::RunnerReply> answer;
    runner->request(body, [&](const wire::RunnerReply& reply) { answer = reply; });
    REQUIRE(until([&] { return answer.has_value(); }));
    return *answer;
  }
  const wire::RunnerReport& report() const { return runner->report(); }
  bool up() { return until([this] { return report().phase == MachinePhase::running && report().guest_connected; }); }
};

wire::Resize to(std::uint32_t milli, std::uint64_t bytes, std::int64_t revision = 1) {
  return wire::Resize{{MilliCpu{milli}, Bytes{bytes}}, Revision{revision, 0}};
}

}  // namespace

TEST_CASE("a runner starts its VM, hears the guest, and makes it as big as it is told") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  CHECK(world.report().cpu.actual == MilliCpu{1000});
  CHECK(world.report().memory.actual == Bytes{512 * mib});

  CHECK(world.ask(to(2500, 1536 * mib, 7)).ok);
  REQUIRE(world.until([&] { return world.report().cpu.actual == MilliCpu{2500} &&
                                   world.report().memory.actual == Bytes{1536 * mib} && !world.report().resizing; }));
  CHECK(guest.cpus_online == 3);
  CHECK(world.report().revision.value == 7);

  CHECK(world.ask(to(1000, 512 * mib, 8)).ok);
  REQUIRE(world.until([&] { return world.report().memory.actual == Bytes{512 * mib} && guest.cpus_online == 1; }));
}

TEST_CASE("a guest whose workload has a check is never seen without its word") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  guest.has_check = true;
  REQUIRE(world.up());
  guest.send(wire::HealthNews{{Health::healthy, ""}});
  REQUIRE(world.until([&] { return world.report().health.state == Health::healthy; }));
  for (const wire::RunnerReport& report : world.heard.reports) {
    if (report.guest_connected) CHECK(report.health.state != Health::none);
  }
}

TEST_CASE("memory that is on its way is never told as come to nothing") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  CHECK(world.ask(to(1000, 1536 * mib)).ok);
  REQUIRE(world.until([&] { return world.report().memory.actual == Bytes{1536 * mib}; }));
  for (const wire::RunnerReport& report : world.heard.reports) {
    if (report.memory.asked != Bytes{1536 * mib} || report.memory.actual == report.memory.asked) continue;
    CHECK_FALSE(report.memory.settled);
    CHECK(report.memory.why.empty());
  }
}

namespace {

// The kernel's zone is full of slab; of that the guest could drop so much.
wire::SampleMessage with_slab(Bytes droppable) {
  wire::SampleMessage news;
  auto layout = std::make_shared<MemoryLayout>();
  layout->kernel.present = layout->kernel.managed = Bytes{500 * mib};
  layout->kernel.free = Bytes{20 * mib};
  news.sample.slab_reclaimable = droppable;
  news.sample.layout = layout;
  return news;
}

}  // namespace

TEST_CASE("slab that is in the way of growth is dropped, and only then") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  const auto drops = [&guest] {
    const auto heard = guest.heard();
    return std::count_if(heard.begin(), heard.end(), [](const auto& each) { return std::holds_alternative<wire::DropSlab>(each); });
  };
  const auto sample = [&](Bytes droppable) {
    const auto before = world.heard.samples.size();
    guest.send(with_slab(droppable));
    REQUIRE(world.until([&] { return world.heard.samples.size() > before; }));
  };
  sample(Bytes{100 * mib});
  CHECK(drops() == 0);  // nobody wants to grow
  CHECK(world.ask(to(1000, 1536 * mib)).ok);
  REQUIRE(world.until([&] { return drops() == 1; }));
  CHECK(world.report().memory.why.find("100Mi slab") != std::string::npos);
}

TEST_CASE("a workload that failed makes a failed end of a clean power-off") {
  for (const int code : {0, 7}) {
    World world;
    fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
    REQUIRE(world.up());
    wire::WorkloadEnded news;
    news.exit_code = code;
    news.why = "ended with code " + std::to_string(code);
    news.starts = 1;
    guest.send(news);
    guest.send(news);
    world.until([] { return false; }, 200ms);
    world.machines->power_off(world.directory.path().string());
    REQUIRE(world.until([&] { return world.ended.has_value(); }));
    CHECK(world.ended->phase == (code == 0 ? RunnerPhase::succeeded : RunnerPhase::failed));
    CHECK(world.ended->exit_reason == "workload ended with code " + std::to_string(code));
  }
}

TEST_CASE("what a workload's check says is told, harmless for a terminal, and is forgotten with the guest") {
  World world;
  auto guest = std::make_unique<fakes::ScriptedGuest>(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  CHECK(world.report().health.state == Health::none);
  guest->send(wire::HealthNews{{Health::unhealthy, "exit code 1: \x1b[2Jgone " + std::string(5000, 'x')}});
  REQUIRE(world.until([&] { return world.report().health.state == Health::unhealthy; }));
  CHECK(world.report().health.why.rfind("exit code 1: ?[2Jgone x", 0) == 0);
  CHECK(world.report().health.why.size() == 500);
  guest.reset();
  REQUIRE(world.until([&] { return !world.report().guest_connected; }));
  CHECK(world.report().health == WorkloadHealth{});
}

TEST_CASE("notices of the guest are kept while it is silent, harmless and not too many") {
  World world;
  auto guest = std::make_unique<fakes::ScriptedGuest>(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  guest->send(wire::Notices{std::vector<std::string>(50, "pg: \x1b[2Jrestart")});
  REQUIRE(world.until([&] { return !world.report().notices.empty(); }));
  CHECK(world.report().notices == std::vector<std::string>(16, "pg: ?[2Jrestart"));
  guest.reset();
  REQUIRE(world.until([&] { return !world.report().guest_connected; }));
  CHECK(world.report().notices.size() == 16);
}

TEST_CASE("a size beyond what the VM was started with is refused and changes nothing") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  const auto reply = world.ask(to(5000, gib));
  CHECK_FALSE(reply.ok);
  CHECK(reply.code == Code::invalid_argument);
  CHECK(reply.why.find("up to 4 CPU") != std::string::npos);
  CHECK(world.report().cpu.asked == MilliCpu{1000});
}

TEST_CASE("one CPU that does not come online is told, and the others move") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  guest.most_cpus = 3;
  REQUIRE(world.up());
  CHECK(world.ask(to(4000, 512 * mib)).ok);
  REQUIRE(world.until([&] { return world.report().cpu.actual == MilliCpu{3000}; }));
  CHECK(world.report().cpu.settled);
  CHECK(world.report().cpu.why.find("does not come online") != std::string::npos);
  guest.most_cpus = 4;  // it recovers, and nobody has to ask again
  REQUIRE(world.until([&] { return world.report().cpu.actual == MilliCpu{4000}; }));
  CHECK(world.report().cpu.why.empty());
}

TEST_CASE("without a monitor memory still moves, and the report says why CPUs do not") {
  World world;
  REQUIRE(world.until([&] { return world.report().phase == MachinePhase::running; }));
  CHECK(world.ask(to(2000, gib)).ok);
  REQUIRE(world.until([&] { return world.report().memory.actual == Bytes{gib}; }));
  CHECK(world.report().cpu.actual == MilliCpu{1000});
  CHECK(world.report().cpu.why.find("no monitor") != std::string::npos);
  const auto reply = world.ask(wire::Consent{{MilliCpu{1000}, Bytes{512 * mib}}, {}});
  CHECK_FALSE(reply.ok);
  CHECK(reply.no_guest);
}

TEST_CASE("memory in use is a refusal with a number, not a stall") {
  World world;
  fakes::FakeBehaviour behaviour;
  behaviour.memory_in_use = Bytes{300 * mib};
  world.machines->behave("web", behaviour);
  REQUIRE(world.until([&] { return world.report().phase == MachinePhase::running; }));
  CHECK(world.ask(to(1000, 2 * gib)).ok);
  REQUIRE(world.until([&] { return world.report().memory.actual == Bytes{2 * gib}; }));
  CHECK(world.ask(to(1000, 512 * mib)).ok);
  REQUIRE(world.until([&] { return world.report().memory.settled && world.report().memory.actual < Bytes{gib}; }));
  CHECK(world.report().memory.actual == Bytes{812 * mib});
  CHECK_FALSE(world.report().memory.why.empty());
}

TEST_CASE("the guest's refusal to shrink carries its floor") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  guest.refuses_shrink = true;
  REQUIRE(world.up());
  const auto reply = world.ask(wire::Consent{{MilliCpu{1000}, Bytes{512 * mib}}, {}});
  CHECK_FALSE(reply.ok);
  CHECK(reply.code == Code::refused);
  REQUIRE(reply.floor.has_value());
  CHECK(*reply.floor == Bytes{gib});
}

TEST_CASE("samples and wishes of the guest reach the audience, stamped with our clock") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  wire::SampleMessage sample;
  sample.sample.load1 = 2.5;
  sample.event = "memory";
  guest.send(sample);
  guest.send(wire::WantMemory{Bytes{gib}, "growing"});
  REQUIRE(world.until([&] { return !world.heard.wants.empty(); }));
  REQUIRE(world.heard.samples.size() == 1);
  CHECK(world.heard.samples[0].sample.load1 == 2.5);
  CHECK(world.heard.samples[0].event == "memory");
  CHECK(world.heard.samples[0].sample.at > Instant{});
}

TEST_CASE("a link that breaks comes back by itself") {
  World world;
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);
  REQUIRE(world.up());
  guest.drop_connection();
  REQUIRE(world.until([&] { return !world.report().guest_connected; }));
  REQUIRE(world.up());
}

TEST_CASE("a runner that goes leaves its VM running, and its successor takes hold of it") {
  World world;
  const MachineSpec machine = world.runner->settings().machine;
  fakes::ScriptedGuest guest(machine.guest_socket);
  REQUIRE(world.up());
  CHECK(world.ask(to(3000, gib, 4)).ok);
  REQUIRE(world.until([&] { return world.report().memory.actual == Bytes{gib} && guest.cpus_online == 3; }));
  world.runner.reset();
  CHECK(world.machines->alive().size() == 1);

  world.begin(machine, true);
  REQUIRE(world.up());
  CHECK(world.machines->starts() == 1);
  CHECK(world.report().memory.asked == Bytes{gib});
  CHECK(world.report().cpu.actual == MilliCpu{3000});
  CHECK(guest.cpus_online == 3);
  CHECK(world.machines->crimes().empty());
}

TEST_CASE("a successor that finds no QEMU ends, and starts none") {
  TempDir directory;
  World world(machine_in(directory.path()), true);
  REQUIRE(world.until([&] { return world.ended.has_value(); }));
  CHECK(world.ended->phase == RunnerPhase::failed);
  CHECK(world.ended->vm_ended);
  CHECK(world.machines->starts() == 0);
}

TEST_CASE("how a VM ended is told apart") {
  World world;
  REQUIRE(world.until([&] { return world.report().phase == MachinePhase::running; }));
  const std::string run_dir = world.runner->settings().machine.run_dir;
  SECTION("powered off") {
    world.machines->power_off(run_dir);
    REQUIRE(world.until([&] { return world.ended.has_value(); }));
    CHECK(world.ended->phase == RunnerPhase::succeeded);
  }
  SECTION("panicked") {
    world.machines->panic(run_dir);
    REQUIRE(world.until([&] { return world.ended.has_value(); }));
    CHECK(world.ended->phase == RunnerPhase::failed);
    CHECK(world.ended->exit_reason == "guest panicked");
  }
  SECTION("killed") {
    world.machines->kill(run_dir);
    REQUIRE(world.until([&] { return world.ended.has_value(); }));
    CHECK(world.ended->phase == RunnerPhase::failed);
    CHECK(world.ended->exit_reason.find("signal 9") != std::string::npos);
  }
  CHECK(world.ended->vm_ended);
}

TEST_CASE("a stop gets harder until the VM is gone") {
  World world;
  fakes::FakeBehaviour behaviour;
  behaviour.ignores_power_button = true;
  world.machines->behave("web", behaviour);
  fakes::ScriptedGuest guest(world.runner->settings().machine.guest_socket);  // says yes and does nothing
  REQUIRE(world.up());
  world.runner->stop(100ms);
  REQUIRE(world.until([&] { return world.ended.has_value(); }));
  CHECK(world.ended->exit_reason.find("did not power off within 100 ms") != std::string::npos);
  CHECK(world.machines->alive().empty());
}
