#include "plugins/orchestrator-local/runner_start.hpp"

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-local/spawn.hpp"
#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

struct Plan {
  RunnerSpec spec;
  RunDir dir{""};
  bool fresh_dir = false;
};

Result<Plan> plan(const Home& home, const Object& runner) {
  auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return spec.error().at("runner \"" + runner.name + "\": spec");
  if (auto named = check_name(spec->vm); !named) return named.error().at("runner \"" + runner.name + "\": spec.vm");
  auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return machine.error().at("runner \"" + runner.name + "\": spec.machine");
  Plan plan{std::move(*spec), RunDir(""), machine->run_dir.empty()};
  auto dir = plan.fresh_dir ? RunDir::make(home) : RunDir::existing(home, machine->run_dir);
  if (!dir) return dir.error();
  plan.dir = std::move(*dir);
  machine->run_dir = plan.dir.path();
  if (machine->guest_socket.empty()) machine->guest_socket = plan.dir.path() + "/guest.sock";
  if (machine->console_socket.empty()) machine->console_socket = plan.dir.path() + "/console.sock";
  if (machine->console_log.empty()) machine->console_log = home.vm(plan.spec.vm) + "/console.log";
  plan.spec.machine = wire::encode(*machine);
  return plan;
}

Status check_vacant(const RunDir& dir, const std::string& boot_id) {
  const auto owner = dir.owner();
  if (!owner) return owner.error();
  if (!*owner || (*owner)->boot != boot_id || !is_alive((*owner)->process)) return {};
  return Error{Code::failed_precondition, "runner \"" + (*owner)->runner + "\" (pid " +
                                              std::to_string((*owner)->process.pid) + ") still holds " + dir.path()};
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

std::vector<std::string> arguments(std::vector<std::string> command, const Home& home, const std::string& name,
                                   const RunDir& dir) {
  bool filled_in = false;
  for (std::string& word : command) {
    const std::string before = word;
    replace_all(word, "{name}", name);
    replace_all(word, "{spec}", dir.spec());
    replace_all(word, "{run_dir}", dir.path());
    replace_all(word, "{home}", home.path);
    filled_in = filled_in || word != before;
  }
  if (!filled_in) command.insert(command.end(), {"--name", name, "--spec", dir.spec()});
  return command;
}

// From here to the end of the exec the spawn lock is held, and the object is in the store.
Result<ProcessId> launch(const Store& store, const Home& home, const std::vector<std::string>& command,
                         const std::string& name, const Plan& plan, Deadline deadline) {
  const std::string folder = home.vm(plan.spec.vm);
  if (auto made = make_directories(folder); !made) return made.error();
  const auto last_owner = read_file(plan.dir.pid_file());
  plan.dir.hand_over();
  if (auto written = write_file(plan.dir.spec(), wire::encode(plan.spec)); !written) return written.error();
  auto process = spawn({arguments(command, home, name, plan.dir), plan.dir.pid_file(),
                        store.clock().boot_id + " " + name, folder + "/runner.log"},
                       deadline);
  // The machine may still run: its last owner answers for it again.
  if (!process && process.error().code != Code::deadline_exceeded && last_owner) {
    (void)write_file(plan.dir.pid_file(), *last_owner);
  }
  return process;
}

Result<Object> start_planned(Store& store, const Home& home, const std::vector<std::string>& command, Object runner,
                             const Plan& plan, Deadline deadline) {
  const auto lock = plan.dir.lock_spawn(deadline);
  if (!lock) return lock.error();
  if (auto vacant = check_vacant(plan.dir, store.clock().boot_id); !vacant) return vacant.error();
  runner.kind = Kind::runner;
  runner.spec = wire::encode(plan.spec);
  runner.status = wire::encode(RunnerStatus{});
  const auto stored = store.create(std::move(runner), deadline);
  if (!stored) return stored;
  const auto process = launch(store, home, command, stored->name, plan, deadline);
  // Pid and all else of its status is the supervisor's to tell, from the run directory.
  if (process) return stored;
  if (process.error().code != Code::deadline_exceeded) (void)store.forget(Kind::runner, stored->name, deadline);
  return process.error();
}

}  // namespace

Result<Object> start_runner(Store& store, const Home& home, const std::vector<std::string>& command, Object runner,
                            Deadline deadline) {
  if (auto named = check_name(runner.name); !named) return named.error();
  const auto taken = store.get(Kind::runner, runner.name, deadline);
  if (taken) return Error{Code::already_exists, "Runner \"" + runner.name + "\" exists already"};
  if (taken.error().code != Code::not_found) return taken.error();
  const auto planned = plan(home, runner);
  if (!planned) return planned.error();
  auto started = start_planned(store, home, command, runner, *planned, deadline);
  if (!started && started.error().code != Code::deadline_exceeded && planned->fresh_dir) planned->dir.remove();
  return started;
}

}  // namespace neonvm::local
