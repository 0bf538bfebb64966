#include <utility>

#include "core/wire/model_json.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::fakes {

// As the real doors do: a machine that names no run directory gets a fresh one, with its sockets in it.
Result<Object> FakeOrchestrator::complete_runner(Object runner) const {
  auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return spec.error().at("runner \"" + runner.name + "\": spec");
  auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return machine.error().at("runner \"" + runner.name + "\": spec.machine");
  if (machine->run_dir.empty()) machine->run_dir = home_ + "/r/" + runner.name;
  if (machine->guest_socket.empty()) machine->guest_socket = machine->run_dir + "/guest.sock";
  if (machine->console_socket.empty()) machine->console_socket = machine->run_dir + "/console.sock";
  if (machine->console_log.empty()) machine->console_log = home_ + "/vms/" + spec->vm + "/console.log";
  spec->machine = wire::encode(*machine);
  runner.spec = wire::encode(*spec);
  return runner;
}

Result<Object> FakeOrchestrator::start_runner(const Object& runner, Deadline) {
  std::unique_lock lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  auto completed = complete_runner(runner);
  if (!completed) return completed;
  completed->kind = Kind::runner;
  completed->status = wire::encode(RunnerStatus{});
  auto stored = insert(*completed);
  if (!stored) return stored;
  RunnerStatus status;
  status.phase = RunnerPhase::running;
  status.endpoint = "fake:" + runner.name;
  status.started = stored->created;
  if (const auto start = hooks_.start) {
    lock.unlock();
    auto started = start(*stored);
    lock.lock();
    if (!started) {
      erase({Kind::runner, runner.name});
      return started.error();
    }
    status = *started;
  }
  const auto found = find(Kind::runner, runner.name);
  if (!found || runner_gone_[runner.name]) return found ? Result<Object>(**found) : Result<Object>(*stored);
  (*found)->status = wire::encode(status);
  touch(**found);
  return **found;
}

void FakeOrchestrator::runner_changed(const std::string& name, const RunnerStatus& status) {
  const std::lock_guard lock(mutex_);
  const auto found = find(Kind::runner, name);
  if (!found) return;
  (*found)->status = wire::encode(status);
  touch(**found);
}

void FakeOrchestrator::runner_taken_away(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (find(Kind::runner, name)) erase({Kind::runner, name});
}

void FakeOrchestrator::runner_ended(const std::string& name, RunnerPhase phase, const std::string& reason,
                                    bool vm_runs_on) {
  const std::lock_guard lock(mutex_);
  const auto found = find(Kind::runner, name);
  if (!found) return;
  RunnerStatus status = wire::decode_runner_status((*found)->status).value_or(RunnerStatus{});
  status.phase = phase;
  status.exit_reason = reason;
  status.vm_ended = !vm_runs_on;
  status.ended = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  (*found)->status = wire::encode(status);
  runner_gone_[name] = !vm_runs_on;
  touch(**found);
  if ((*found)->deleting && !(*found)->finalizer && !vm_runs_on) erase({Kind::runner, name});
}

Status FakeOrchestrator::stop_runner(const std::string& name, Duration grace, Deadline) {
  std::unique_lock lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto found = find(Kind::runner, name);
  if (!found) return {};
  if (!(*found)->deleting) {
    (*found)->deleting = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
    touch(**found);
  }
  const auto stop = hooks_.stop;
  const bool was_gone = runner_gone_[name];
  if (!stop) runner_gone_[name] = true;
  const Object runner = **found;
  const auto written = after_write({Kind::runner, name});
  lock.unlock();
  if (stop && !was_gone) stop(runner, grace);
  return written ? Status{} : written.error();
}

}  // namespace neonvm::fakes
