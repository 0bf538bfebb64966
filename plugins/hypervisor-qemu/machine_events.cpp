// What QEMU tells by itself, turned into MachineEvents, and the wait for them.
#include <algorithm>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/qemu_machine.hpp"

namespace neonvm::qemu {

namespace {
// A look that QEMU does not answer must not keep what else happened.
constexpr Duration look_limit = std::chrono::seconds(1);
constexpr Duration reconnect_pace = std::chrono::milliseconds(200);
}  // namespace

void QemuMachine::set_end(MachinePhase phase) {
  const std::lock_guard lock(mutex_);
  // A panic ends in a shutdown; it stays a panic.
  if (end_ == MachinePhase::gone) end_ = phase;
}

void QemuMachine::hear(const QmpEvent& event) {
  if (auto changed = cpus_.on_event(event)) return events_.push(std::move(*changed));
  if (auto changed = memory_.on_event(event)) return events_.push(std::move(*changed));
  if (event.name.starts_with("MIGRATION") || event.name.starts_with("BLOCK_JOB_")) {
    migration_.on_event(event);
    return events_.wake();
  }
  if (event.name == "POWERDOWN") return events_.push({MachineEventKind::shutdown_requested, {}, {}, ""});
  if (event.name == "RESUME") return events_.push({MachineEventKind::resumed, {}, {}, ""});
  if (event.name == "RESET") return events_.push({MachineEventKind::reset, {}, {}, "the machine was reset"});
  if (event.name == "STOP") {
    const std::lock_guard lock(mutex_);
    events_.push({MachineEventKind::paused, {}, {}, std::exchange(stop_reason_, "")});
  } else if (event.name == "BLOCK_IO_ERROR") {
    const std::lock_guard lock(mutex_);
    stop_reason_ = "disk " + member(event, "node-name") + ": " + member(event, "reason");
  } else if (event.name == "GUEST_PANICKED") {
    set_end(MachinePhase::panicked);
    events_.push({MachineEventKind::panicked, {}, {}, "guest panicked"});
    const std::lock_guard lock(mutex_);
    end_reason_ = "guest panicked";
  } else if (event.name == "SHUTDOWN") {
    hear_end_of_guest(event);
  }
}

void QemuMachine::hear_end_of_guest(const QmpEvent& event) {
  const std::string reason = member(event, "reason");
  if (reason == "guest-panic") return;  // told by GUEST_PANICKED
  std::string why = "QEMU ended: " + reason;
  auto kind = MachineEventKind::powered_off;
  if (reason == "guest-shutdown") why = "guest powered off";
  if (reason == "host-qmp-quit") why = "quit";
  if (reason == "host-signal") why = "QEMU was told to end by a signal";
  if (reason == "guest-reset" || reason == "host-qmp-system-reset") {
    kind = MachineEventKind::reset;
    why = "guest rebooted";
  } else if (reason != "host-error") {
    set_end(MachinePhase::shut_down);
  }
  {
    const std::lock_guard lock(mutex_);
    if (end_reason_.empty()) end_reason_ = why;
  }
  if (reason != "host-error") events_.push({kind, {}, {}, why});
}

std::string QemuMachine::why_gone() {
  const std::string how = hold_.process->how_it_ended();
  const std::lock_guard lock(mutex_);
  const bool in_order = how == "QEMU ended";
  if (in_order && !end_reason_.empty()) return end_reason_;
  std::string why = end_reason_.empty() ? how : end_reason_ + ", then " + how;
  const std::string words = last_words(RunDir(hold_.spec.run_dir).log, hold_.log_start);
  if (!words.empty()) why += ": " + words;
  return why;
}

void QemuMachine::gone() {
  const std::string why = why_gone();
  if (migration_.process_ended(why)) {
    events_.push({MachineEventKind::migration, {}, migration_.last_known(), why});
  }
  events_.end(why);
}

void QemuMachine::look_around(Deadline deadline) {
  const Instant now = clock_now();
  const auto due = [now](const std::optional<Instant>& when) { return when && *when <= now; };
  if (due(migration_.next_look())) {
    if (auto moved = migration_.look(sooner(deadline, look_limit))) events_.push(std::move(*moved));
  }
  if (due(memory_.next_look())) {
    if (auto moved = memory_.look(!migration_.under_way(), sooner(deadline, look_limit))) events_.push(std::move(*moved));
  }
}

Result<std::optional<MachineEvent>> QemuMachine::next_event(Deadline deadline) {
  while (true) {
    Deadline until = deadline;
    if (hold_.process->wait_end(clock_now())) {
      // Nothing to look at any more; `gone` is on its way, after what is still in the socket.
    } else if (!link_.ensure(sooner(deadline, look_limit))) {
      until = sooner(until, reconnect_pace);
    } else {
      look_around(deadline);
      until = std::min({until, migration_.next_look().value_or(until), memory_.next_look().value_or(until)});
    }
    if (auto event = events_.pop(until)) return event;
    if (woken_.exchange(false) || clock_now() >= deadline) return std::optional<MachineEvent>();
  }
}

Status QemuMachine::wake() {
  woken_ = true;
  events_.wake();
  return {};
}

}  // namespace neonvm::qemu
