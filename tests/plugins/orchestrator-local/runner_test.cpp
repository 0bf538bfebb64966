// Runners as processes: their ends, their machines, and supervisors that come and go.
#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-local/process.hpp"
#include "tests/core/ports/orchestrator_contract.hpp"
#include "tests/plugins/orchestrator-local/temp_home.hpp"

namespace neonvm::local {
namespace {

using namespace neonvm::contracts;

constexpr StopMargins quick{std::chrono::milliseconds(50), std::chrono::milliseconds(50)};

RunnerStatus status_of(const Object& runner) { return *wire::decode_runner_status(runner.status); }
MachineSpec machine_of(const Object& runner) {
  return *wire::decode_machine_spec(wire::decode_runner_spec(runner.spec)->machine);
}
auto in_phase(RunnerPhase phase) {
  return [phase](const Object& runner) { return status_of(runner).phase == phase; };
}
bool runs(pid_t pid) { return process_with(pid).has_value(); }

// A started runner that is up, and the pids of it and its machine.
struct Started {
  Object object;
  std::string dir;
  pid_t runner = 0, machine = 0;
};
Started start(Orchestrator& door, const Object& wish) {
  const auto object = door.start_runner(wish, soon());
  INFO((object ? std::string() : object.error().message));
  REQUIRE(object.ok());
  Started started{await_object(door, Kind::runner, wish.name, in_phase(RunnerPhase::running)), "", 0, 0};
  started.dir = machine_of(started.object).run_dir;
  started.runner = TempHome::pid_in(started.dir + "/runner.pid");
  started.machine = TempHome::pid_in(started.dir + "/qemu.pid");
  return started;
}
Started start(Orchestrator& door, const std::string& name) { return start(door, runner_object(name, "web")); }

// The same machine, held by the next runner.
Object successor(const Object& runner, const std::string& name) {
  Object next = runner_object(name, "web");
  next.spec = runner.spec;
  return next;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("a runner gets a directory of its own, a log, and all of its spec in a file") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true));
  const Started one = start(*door, "web-1");
  const MachineSpec machine = machine_of(one.object);
  CHECK(std::filesystem::status(one.dir).permissions() == std::filesystem::perms::owner_all);
  CHECK(machine.guest_socket == one.dir + "/guest.sock");
  CHECK(machine.console_socket == one.dir + "/console.sock");
  CHECK(machine.console_log == door->vm_directory("web") + "/console.log");
  CHECK(text_of(one.dir + "/runner.json") == one.object.spec);
  CHECK(std::filesystem::status(one.dir + "/runner.json").permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(status_of(one.object).endpoint == "unix:" + one.dir + "/runner.sock");
  CHECK(status_of(one.object).pid == one.runner);
  CHECK(::getsid(one.runner) == one.runner);
  CHECK(text_of(door->vm_directory("web") + "/runner.log") == "runner web-1 of web\n");
}

TEST_CASE("a stopped runner has its grace, and its directory goes with it") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true));
  const Started one = start(*door, "web-1");
  REQUIRE(door->stop_runner("web-1", std::chrono::milliseconds(7500), soon()).ok());
  await_gone(*door, Kind::runner, "web-1");
  CHECK_FALSE(runs(one.runner));
  CHECK_FALSE(runs(one.machine));
  CHECK_FALSE(std::filesystem::exists(one.dir));
  CHECK(text_of(door->vm_directory("web") + "/runner.log").find("told to stop: {\"graceMs\":7500}") !=
        std::string::npos);
}

TEST_CASE("what will not stop is killed after its grace: runner, then machine") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true), system_clock(), quick);
  const Started one = start(*door, "deaf-1");
  REQUIRE(door->stop_runner("deaf-1", std::chrono::hours(1), soon()).ok());
  REQUIRE(door->stop_runner("deaf-1", std::chrono::milliseconds(50), soon()).ok());  // less grace counts
  await_gone(*door, Kind::runner, "deaf-1");
  CHECK_FALSE(runs(one.runner));
  CHECK_FALSE(runs(one.machine));
}

TEST_CASE("a runner's end is told as it was") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true));
  const auto end_of = [&](const std::string& name) {
    REQUIRE(door->start_runner(runner_object(name, "web"), soon()).ok());
    return status_of(await_object(*door, Kind::runner, name, in_phase(RunnerPhase::failed)));
  };
  SECTION("in its own words") {
    const auto status = end_of("says-1");
    CHECK(status.exit_reason == "no such disk");
    CHECK(status.vm_ended);
  }
  SECTION("by its exit code when it said nothing; nobody knows of its machine then") {
    const auto status = end_of("dies-1");
    CHECK(status.exit_reason == "runner ended with exit code 3");
    CHECK_FALSE(status.vm_ended);
  }
  SECTION("in order") {
    const Started one = start(*door, "web-1");
    ::kill(one.runner, SIGTERM);
    const auto status = status_of(await_object(*door, Kind::runner, "web-1", in_phase(RunnerPhase::succeeded)));
    CHECK(status.exit_reason == "guest powered off");
    CHECK(status.vm_ended);
  }
}

TEST_CASE("a program that cannot be run leaves nothing behind") {
  const TempHome home;
  Settings settings = settings_of(home, true);
  settings.runner_command = {"/nonexistent/neonvm", "runner"};
  const auto door = open_door(settings);
  const auto started = door->start_runner(runner_object("web-1", "web"), soon());
  REQUIRE_FALSE(started.ok());
  CHECK(started.error().message == "cannot run /nonexistent/neonvm: No such file or directory");
  CHECK(door->list(Kind::runner, soon())->empty());
  CHECK(std::filesystem::is_empty(home.path + "/r"));
}

TEST_CASE("a machine outlives its killed runner, and a successor takes it over") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true), system_clock(), quick);
  const Started one = start(*door, "web-1");
  // A runner that lives is not succeeded.
  CHECK(door->start_runner(successor(one.object, "next-2"), soon()).error().code == Code::failed_precondition);
  ::kill(one.runner, SIGKILL);
  const auto status = status_of(await_object(*door, Kind::runner, "web-1", in_phase(RunnerPhase::failed)));
  CHECK(status.exit_reason == "runner killed by signal 9, its VM still runs");
  CHECK_FALSE(status.vm_ended);
  SECTION("the first one's removal leaves the machine to the second") {
    const Started two = start(*door, successor(one.object, "next-2"));
    CHECK(two.dir == one.dir);
    REQUIRE(door->stop_runner("web-1", std::chrono::milliseconds(10), soon()).ok());
    await_gone(*door, Kind::runner, "web-1");
    CHECK(runs(one.machine));
    CHECK(std::filesystem::exists(two.dir + "/runner.sock"));
    REQUIRE(door->stop_runner("next-2", std::chrono::seconds(5), soon()).ok());
    await_gone(*door, Kind::runner, "next-2");
    CHECK_FALSE(runs(one.machine));
    CHECK_FALSE(std::filesystem::exists(one.dir));
  }
  SECTION("without a successor its removal ends the machine") {
    REQUIRE(door->stop_runner("web-1", std::chrono::milliseconds(10), soon()).ok());
    await_gone(*door, Kind::runner, "web-1");
    CHECK_FALSE(runs(one.machine));
  }
  SECTION("the machine's own end is told") {
    ::kill(one.machine, SIGKILL);
    const auto later = status_of(
        await_object(*door, Kind::runner, "web-1", [](const Object& runner) { return status_of(runner).vm_ended; }));
    CHECK(later.exit_reason == "runner killed by signal 9, its VM ended later");
  }
  SECTION("a successor that cannot be started leaves the machine to the first") {
    Settings broken = settings_of(home);
    broken.runner_command = {"/nonexistent/neonvm"};
    CHECK_FALSE(open_door(broken)->start_runner(successor(one.object, "next-2"), soon()).ok());
    CHECK(runs(one.machine));
    REQUIRE(door->stop_runner("web-1", std::chrono::milliseconds(10), soon()).ok());
    await_gone(*door, Kind::runner, "web-1");
    CHECK_FALSE(runs(one.machine));
  }
}

TEST_CASE("runners outlive their supervisor, and the next one adopts them") {
  const TempHome home;
  Settings settings = settings_of(home, true);
  auto door = open_door(settings, system_clock(), quick);
  const Started one = start(*door, "web-1");
  const Started two = start(*door, "lone-2");
  door.reset();
  CHECK(runs(one.runner));
  SECTION("still running: watched and stopped as before") {
    door = open_door(settings, system_clock(), quick);
    CHECK(status_of(*door->get(Kind::runner, "web-1", soon())).phase == RunnerPhase::running);
    ::kill(two.runner, SIGKILL);
    await_object(*door, Kind::runner, "lone-2", in_phase(RunnerPhase::failed));
    REQUIRE(door->stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
    await_gone(*door, Kind::runner, "web-1");
    CHECK_FALSE(runs(one.runner));
    CHECK_FALSE(runs(one.machine));
  }
  SECTION("ended meanwhile: told") {
    ::kill(one.runner, SIGTERM);
    await([&] { return !runs(one.runner); });
    ::kill(two.runner, SIGKILL);
    await([&] { return !runs(two.runner); });
    door = open_door(settings, system_clock(), quick);
    const auto first = status_of(await_object(*door, Kind::runner, "web-1", in_phase(RunnerPhase::succeeded)));
    CHECK(first.exit_reason == "guest powered off");
    const auto second = status_of(await_object(*door, Kind::runner, "lone-2", in_phase(RunnerPhase::failed)));
    CHECK(second.exit_reason.find("runner ") == 0);  // killed, as our own child; else "ended while nobody watched"
  }
  SECTION("a stop that nobody could carry out is carried out now") {
    REQUIRE(open_door(settings_of(home))->stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
    CHECK(runs(one.runner));
    door = open_door(settings, system_clock(), quick);
    await_gone(*door, Kind::runner, "web-1");
    CHECK_FALSE(runs(one.machine));
  }
  SECTION("another process with its pid is not it") {
    ::kill(two.runner, SIGKILL);
    await([&] { return !runs(two.runner); });
    std::string text = text_of(two.dir + "/runner.pid");
    text = std::to_string(::getpid()) + text.substr(text.find(' '));
    std::ofstream(two.dir + "/runner.pid") << text;
    door = open_door(settings, system_clock(), quick);
    await_object(*door, Kind::runner, "lone-2", in_phase(RunnerPhase::failed));
    REQUIRE(door->stop_runner("lone-2", std::chrono::milliseconds(1), soon()).ok());
    await_gone(*door, Kind::runner, "lone-2");  // and we are still here
  }
  SECTION("an earlier boot's runners are gone") {
    Clock clock = system_clock();
    clock.boot_id = "the-next-boot";
    ::kill(two.runner, SIGKILL);
    door = open_door(settings, clock, quick);
    const auto status = status_of(await_object(*door, Kind::runner, "lone-2", in_phase(RunnerPhase::failed)));
    CHECK(status.exit_reason == "runner ended when this machine went down");
  }
}

TEST_CASE("a supervisor that died between wish and process says that there is none") {
  const TempHome home;
  Settings settings = settings_of(home, true);
  auto door = open_door(settings);
  const Started one = start(*door, "lone-1");
  door.reset();
  ::kill(one.runner, SIGKILL);
  await([&] { return !runs(one.runner); });
  std::filesystem::remove(one.dir + "/runner.pid");
  SECTION("no process ever began") {
    auto store = Store::open(*open_home(home.path), system_clock(), soon());
    REQUIRE((*store)
                ->modify(
                    Kind::runner, "lone-1",
                    [](Object& object) {
                      object.status = wire::encode(RunnerStatus{});
                      return Status{};
                    },
                    soon())
                .ok());
    store->reset();
    door = open_door(settings);
    const auto status = status_of(await_object(*door, Kind::runner, "lone-1", in_phase(RunnerPhase::failed)));
    CHECK(status.exit_reason == "runner was never started");
  }
}

TEST_CASE("a finalizer keeps a stopped runner's object") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true));
  Object wish = runner_object("web-1", "web");
  wish.finalizer = true;
  const Started one = start(*door, wish);
  REQUIRE(door->stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
  Object ended = await_object(*door, Kind::runner, "web-1", in_phase(RunnerPhase::succeeded));
  CHECK_FALSE(runs(one.runner));
  ended.finalizer = false;
  REQUIRE(door->update(ended, soon()).ok());
  await_gone(*door, Kind::runner, "web-1");
}

TEST_CASE("a home too deep for Unix sockets gets a short name for its run directories") {
  TempHome home;
  home.path += "/" + std::string(120, 'd');
  const auto door = open_door(settings_of(home, true));
  const Started one = start(*door, "web-1");
  CHECK((one.dir + "/console.sock").size() <= 107);
  CHECK(std::filesystem::exists(home.path + "/r/" + one.dir.substr(one.dir.rfind('/') + 1) + "/runner.sock"));
  REQUIRE(door->stop_runner("web-1", std::chrono::seconds(5), soon()).ok());
  await_gone(*door, Kind::runner, "web-1");
  std::filesystem::remove(one.dir.substr(0, one.dir.rfind('/')));
}

TEST_CASE("only run directories of this home are taken") {
  const TempHome home;
  const auto door = open_door(settings_of(home, true));
  Object wish = runner_object("web-1", "web");
  auto spec = *wire::decode_runner_spec(wish.spec);
  for (const std::string& dir : {std::string("/tmp"), home.path + "/r/../vms", home.path + "/r/0000000g"}) {
    MachineSpec machine;
    machine.name = "web";
    machine.run_dir = dir;
    spec.machine = wire::encode(machine);
    wish.spec = wire::encode(spec);
    CHECK(door->start_runner(wish, soon()).error().code == Code::invalid_argument);
  }
}

}  // namespace
}  // namespace neonvm::local
