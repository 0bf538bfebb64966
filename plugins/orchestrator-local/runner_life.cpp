#include "plugins/orchestrator-local/runner_life.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdlib>

#include "core/wire/model_json.hpp"

namespace neonvm::local {
namespace {

constexpr auto retry_pause = std::chrono::seconds(1);
constexpr auto call_limit = std::chrono::seconds(2);
constexpr const char* runs_on = ", its VM still runs";

// An object that names no directory has no process either.
std::string run_dir_of(const Object& runner) {
  const std::string nowhere = "/nonexistent";
  const auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return nowhere;
  const auto machine = wire::decode_machine_spec(spec->machine);
  return machine && !machine->run_dir.empty() ? machine->run_dir : nowhere;
}

bool is_final(RunnerPhase phase) { return phase == RunnerPhase::succeeded || phase == RunnerPhase::failed; }

Duration grace_of(const std::string& text) {
  return std::chrono::milliseconds(std::strtoll(text.c_str(), nullptr, 10));
}

}  // namespace

RunnerLife::RunnerLife(Store& store, StopMargins margins, const Object& runner)
    : store_(store),
      margins_(margins),
      name_(runner.name),
      dir_(run_dir_of(runner)),
      status_(wire::decode_runner_status(runner.status).value_or(RunnerStatus{})),
      told_(status_),
      // What was known to have ended has not come back; whatever is in the directory now is a successor's.
      machine_looked_for_(is_final(status_.phase) && status_.vm_ended) {
  changed(runner);
}

void RunnerLife::changed(const Object& runner) {
  deleting_ = runner.deleting.has_value();
  const auto grace = runner.annotations.find(grace_annotation);
  grace_text_ = grace == runner.annotations.end() ? "" : grace->second;
}

void RunnerLife::fds(std::vector<pollfd>& into) const {
  for (const UniqueFd* fd : {&process_fd_, &machine_fd_}) {
    if (*fd) into.push_back({fd->get(), POLLIN, 0});
  }
}

Instant RunnerLife::step(Instant now) {
  retry_at_ = Instant::max();
  if (process_ == Process::unknown) find_process();
  if (process_ == Process::unknown) return retry_at_;
  look_at_process();
  look_at_machine();
  tell();
  const Instant next = deleting_ ? stop(now) : Instant::max();
  return std::min(next, retry_at_);
}

// A directory that cannot be read is not ours to touch.
bool RunnerLife::owns_dir() const {
  const auto owner = dir_.owner();
  return owner && (!*owner || (*owner)->runner == name_);
}

// Finds the process that was started for this object, also by an earlier supervisor. Leaves it unknown while that is
// not certain: a runner that lives must never be taken for dead.
void RunnerLife::find_process() {
  const Instant now = std::chrono::steady_clock::now();
  const auto lock = dir_.lock_spawn(now);
  if (!lock && lock.error().code == Code::deadline_exceeded) {
    // A fork and an exec are under way; nothing but time tells when they are over, and it is a millisecond or two.
    retry_at_ = now + std::chrono::milliseconds(2);
    return;
  }
  const bool no_dir = !lock && lock.error().code == Code::not_found;
  const auto owner = dir_.owner();
  retry_at_ = now + retry_pause;
  if ((!lock && !no_dir) || !owner) return;
  const bool ours = *owner && (*owner)->runner == name_;
  const bool this_boot = ours && (*owner)->boot == store_.clock().boot_id;
  if (this_boot) {
    auto opened = open_process((*owner)->process);
    if (!opened && opened.error().code != Code::not_found) return;
    if (opened) return adopt((*owner)->process.pid, std::move(*opened));
  }
  retry_at_ = Instant::max();
  if (is_final(status_.phase)) {
    process_ = Process::ended;
  } else if (ours && !this_boot) {
    ended("ended when this machine went down");
  } else {
    ended(ours || status_.pid != 0 ? "ended while nobody watched" : "was never started");
  }
}

void RunnerLife::adopt(pid_t pid, UniqueFd process) {
  retry_at_ = Instant::max();
  process_ = Process::alive;
  process_fd_ = std::move(process);
  pid_ = pid;
  status_.pid = pid;
  if (status_.started == WallTime{}) status_.started = store_.clock().wall();
}

void RunnerLife::look_at_process() {
  if (process_ != Process::alive) return;
  if (has_ended(process_fd_)) {
    ended(reap(process_fd_).value_or("ended while nobody watched"));
    process_fd_.reset();
  } else if (status_.phase == RunnerPhase::starting && dir_.has_socket()) {
    status_.phase = RunnerPhase::running;
    status_.endpoint = "unix:" + dir_.socket();
  }
}

void RunnerLife::ended(const std::string& how) {
  process_ = Process::ended;
  status_.ended = store_.clock().wall();
  status_.phase = RunnerPhase::failed;
  status_.exit_reason = "runner " + how;
  if (const auto farewell = dir_.farewell(name_)) {
    status_.phase = farewell->phase;
    status_.exit_reason = farewell->exit_reason;
    status_.vm_ended = farewell->vm_ended;
    if (farewell->ended != WallTime{}) status_.ended = farewell->ended;
  }
}

// Only once the runner has ended: before that, its word counts.
void RunnerLife::look_for_machine() {
  const auto machine = dir_.machine(pid_);
  if (machine && machine->process) {
    auto opened = open_process(*machine->process);
    if (opened) machine_fd_ = std::move(*opened);
    machine_looked_for_ = opened || opened.error().code == Code::not_found;
  } else {
    machine_looked_for_ = machine.ok();
  }
  if (!machine_looked_for_) {
    retry_at_ = std::chrono::steady_clock::now() + retry_pause;
  } else if (machine_fd_) {
    status_.vm_ended = false;
    status_.phase = RunnerPhase::failed;
    if (status_.exit_reason.find(runs_on) == std::string::npos) status_.exit_reason += runs_on;
  } else if (machine->known) {
    status_.vm_ended = true;
  }
}

void RunnerLife::look_at_machine() {
  if (process_ != Process::ended) return;
  if (!machine_looked_for_) look_for_machine();
  if (machine_fd_ && has_ended(machine_fd_)) {
    machine_fd_.reset();
    status_.vm_ended = true;
  }
  const auto at = status_.exit_reason.find(runs_on);
  if (status_.vm_ended && at != std::string::npos) {
    status_.exit_reason.replace(at, std::string::npos, ", its VM ended later");
  }
}

void RunnerLife::tell() {
  const std::string text = wire::encode(status_);
  if (text == wire::encode(told_)) return;
  const auto written = store_.modify(
      Kind::runner, name_,
      [&](Object& object) {
        object.status = text;
        return Status{};
      },
      std::chrono::steady_clock::now() + call_limit);
  if (written) {
    told_ = status_;
  } else if (written.error().code == Code::not_found) {
    over_ = true;
  } else {
    retry_at_ = std::chrono::steady_clock::now() + retry_pause;
  }
}

Instant RunnerLife::stop(Instant now) {
  // Told again with less grace: the shorter one counts.
  const Instant by = now + grace_of(grace_text_);
  if (!stop_by_ || by < *stop_by_) {
    stop_by_ = by;
    if (process_ == Process::alive) (void)dir_.write_stop(grace_of(grace_text_));
  }
  if (process_ == Process::alive) {
    if (!std::exchange(asked_runner_, true)) send_signal(process_fd_, SIGTERM);
    const Instant kill_at = *stop_by_ + margins_.runner;
    if (now < kill_at) return kill_at;
    if (!std::exchange(killed_runner_, true)) send_signal(process_fd_, SIGKILL);
    return Instant::max();
  }
  if (!machine_looked_for_) return retry_at_;
  if (machine_fd_ && owns_dir()) return stop_machine(now);
  return finish(now);
}

// Without a runner nobody can ask the guest; QEMU's own end on SIGTERM still writes back its disks.
Instant RunnerLife::stop_machine(Instant now) {
  if (!kill_machine_at_) {
    kill_machine_at_ = now + margins_.machine;
    send_signal(machine_fd_, SIGTERM);
  }
  if (now < *kill_machine_at_) return *kill_machine_at_;
  send_signal(machine_fd_, SIGKILL);
  return Instant::max();
}

// The directory first: were the object gone and the directory left, nobody would ever look for it again.
Instant RunnerLife::finish(Instant now) {
  if (owns_dir()) dir_.remove();
  const auto gone = store_.erase_runner(name_, now + call_limit);
  if (!gone) return now + retry_pause;
  over_ = *gone;
  return Instant::max();  // a finalizer that is taken off later is a change that calls again
}

}  // namespace neonvm::local
