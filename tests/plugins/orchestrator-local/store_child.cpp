// Another process of the same home, for tests: store_child COMMAND HOME [ARGUMENT …].
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-local/local_orchestrator.hpp"

namespace {

using namespace neonvm;

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(60); }

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

int fail(const Error& error) {
  say(std::string(to_string(error.code)) + ": " + error.message);
  return 1;
}

Object object(const std::string& name, const std::string& spec) {
  Object made;
  made.kind = Kind::migration;
  made.name = name;
  made.spec = spec;
  return made;
}

// Adds one to the number in the object's status, so many times, against everybody else who does the same.
int count_up(Orchestrator& door, const std::string& name, int times) {
  int conflicts = 0;
  for (int done = 0; done < times;) {
    auto read = door.get(Kind::migration, name, soon());
    if (!read) return fail(read.error());
    read->status = std::to_string(std::strtol(read->status.c_str(), nullptr, 10) + 1);
    const auto written = door.update_status(*read, soon());
    if (written)
      ++done;
    else if (written.error().code == Code::conflict)
      ++conflicts;
    else
      return fail(written.error());
  }
  say("conflicts " + std::to_string(conflicts));
  return 0;
}

// Creates, changes and removes for ever; to be killed in the middle of it.
int spin(Orchestrator& door) {
  say("began");
  for (int round = 0;; ++round) {
    const std::string name = "spin-" + std::to_string(round % 7);
    (void)door.create(object(name, std::string(3000, 'x')), soon());
    if (auto read = door.get(Kind::migration, name, soon())) {
      read->status = "{\"round\":" + std::to_string(round) + "}";
      (void)door.update_status(*read, soon());
    }
    if (round % 3 == 0) (void)door.remove(Kind::migration, name, soon());
    Event event;
    event.message = std::string(200, 'e');
    (void)door.record(event, soon());
  }
}

int hold(Orchestrator& door, const std::string& lease) {
  const auto held = door.hold_lease(lease, "child", std::chrono::hours(1), soon());
  if (!held) return fail(held.error());
  say(*held ? "held" : "refused");
  if (*held) ::pause();
  return 0;
}

// Objects whose spec says when they were written, on the clock that all processes share.
int stamp(Orchestrator& door, int times) {
  for (int i = 0; i < times; ++i) {
    ::usleep(2000);
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    const auto made = door.create(object("stamp-" + std::to_string(i), std::to_string(now)), soon());
    if (!made) return fail(made.error());
  }
  return 0;
}

// Writes until nothing more fits, then shows that what was stored can still be read and small things are refused.
int fill(Orchestrator& door) {
  for (int i = 0; i < 10000; ++i) {
    const auto made = door.create(object("fill-" + std::to_string(i), std::string(20000, 'x')), soon());
    if (made) continue;
    const auto listed = door.list(Kind::migration, soon());
    if (!listed) return fail(listed.error());
    say(std::string(to_string(made.error().code)) + ": " + made.error().message);
    say("stored " + std::to_string(i) + " listed " + std::to_string(listed->size()));
    return 0;
  }
  say("never full");
  return 1;
}

// A serve that starts runners, to be killed in the middle of it.
int start(Orchestrator& door, const std::string& prefix, int times) {
  say("began");
  for (int i = 0; i < times; ++i) {
    MachineSpec machine;
    machine.name = "web";
    RunnerSpec spec;
    spec.vm = "web";
    spec.machine = wire::encode(machine);
    Object runner;
    runner.name = prefix + std::to_string(i);
    runner.spec = wire::encode(spec);
    const auto started = door.start_runner(runner, soon());
    if (!started) return fail(started.error());
  }
  say("started");
  return ::pause();
}

// VMs that nobody is to run, for commands that show some.
int vms(Orchestrator& door, int count) {
  VmSpec spec;
  spec.stopped = true;
  for (int i = 0; i < count; ++i) {
    Object made = object("vm-" + std::to_string(i), "");
    made.kind = Kind::virtual_machine;
    wire::encode_vm_spec(spec, made);
    if (const auto stored = door.create(made, soon()); !stored) return fail(stored.error());
  }
  return 0;
}

// A VM that runs with so much, as far as its object says, and is billed to "ep-NAME"; mcpus 0: it has ended.
int run(Orchestrator& door, const std::string& name, unsigned mcpus, unsigned megabytes) {
  auto found = door.get(Kind::virtual_machine, name, soon());
  if (!found) {
    Object made = object(name, "");
    made.kind = Kind::virtual_machine;
    wire::encode_vm_spec({}, made);
    made.annotations["autoscaling.neon.tech/billing-endpoint-id"] = "ep-" + name;
    found = door.create(made, soon());
    if (!found) return fail(found.error());
  }
  VmStatus status;
  status.phase = mcpus == 0 ? Phase::stopped : Phase::running;
  status.node = "local-1";
  status.cpu.actual = {mcpus};
  status.memory.actual = {megabytes * mib};
  found->status = wire::encode(status);
  const auto written = door.update_status(*found, soon());
  return written ? 0 : fail(written.error());
}

int list(Orchestrator& door) {
  const auto found = door.list(Kind::virtual_machine, soon());
  return found ? 0 : fail(found.error());
}

}  // namespace

int main(int count, char** words) {
  const auto began = std::chrono::steady_clock::now();
  if (count < 3) return 2;
  const std::string command = words[1], argument = count > 3 ? words[3] : "";
  local::Settings settings;
  settings.home = words[2];
  settings.supervise = command == "serve" || command == "start";
  if (command == "start") settings.runner_command = {words[5]};
  settings.nodes = local::equal_nodes(1, 0.9, local::machine_share());
  if (command == "fill-limited") {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{300'000, 300'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  auto door = local::LocalOrchestrator::open(settings, local::system_clock());
  if (!door) return fail(door.error());
  if (command == "count") return count_up(**door, argument, std::atoi(words[4]));
  if (command == "spin") return spin(**door);
  if (command == "hold") return hold(**door, argument);
  if (command == "stamp") return stamp(**door, std::atoi(argument.c_str()));
  if (command == "fill" || command == "fill-limited") return fill(**door);
  if (command == "vms") return vms(**door, std::atoi(argument.c_str()));
  if (command == "run") return run(**door, argument, static_cast<unsigned>(std::atoi(words[4])), static_cast<unsigned>(std::atoi(words[5])));
  if (command == "start") return start(**door, argument, std::atoi(words[4]));
  if (command == "serve") {
    say("serving");
    return ::pause();
  }
  const int code = list(**door);
  door->reset();
  say(std::to_string((std::chrono::steady_clock::now() - began).count()));
  return code;
}
