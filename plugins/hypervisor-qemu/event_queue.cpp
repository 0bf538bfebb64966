#include "plugins/hypervisor-qemu/event_queue.hpp"

#include <utility>

#include "plugins/hypervisor-qemu/clock.hpp"

namespace neonvm::qemu {

namespace {
bool replaces(const MachineEvent& newer, const MachineEvent& older) {
  if (newer.kind != older.kind) return false;
  switch (newer.kind) {
    case MachineEventKind::memory_changed:
    case MachineEventKind::shutdown_requested:
    case MachineEventKind::migration: return true;
    // A refusal must not be hidden by a later success.
    case MachineEventKind::cpus_changed: return older.why.empty();
    case MachineEventKind::powered_off:
    case MachineEventKind::reset:
    case MachineEventKind::panicked:
    case MachineEventKind::gone: return true;
    case MachineEventKind::paused:
    case MachineEventKind::resumed: return false;
  }
  return false;
}
constexpr std::size_t most = 256;
}  // namespace

void EventQueue::push(MachineEvent event) {
  const std::lock_guard lock(mutex_);
  std::erase_if(events_, [&](const MachineEvent& older) { return replaces(event, older); });
  events_.push_back(std::move(event));
  if (events_.size() > most) events_.pop_front();
  changed_.notify_all();
}

void EventQueue::end(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!ended_) ended_ = why;
  changed_.notify_all();
}

void EventQueue::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

std::optional<MachineEvent> EventQueue::pop(Deadline deadline) {
  std::unique_lock lock(mutex_);
  wait_until(changed_, lock, deadline, [this] { return !events_.empty() || ended_ || woken_; });
  if (std::exchange(woken_, false)) return std::nullopt;
  if (!events_.empty()) {
    std::optional<MachineEvent> event(std::move(events_.front()));
    events_.pop_front();
    return event;
  }
  if (!ended_) return std::nullopt;
  return MachineEvent{MachineEventKind::gone, {}, {}, *ended_};
}

}  // namespace neonvm::qemu
