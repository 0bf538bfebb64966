#include "core/daemon/machine_hold.hpp"

#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {
constexpr Duration event_wait = std::chrono::minutes(1);
// Of a hypervisor whose wait for events cannot be ended: so long a detach may take.
constexpr Duration blind_wait = std::chrono::milliseconds(500);
}  // namespace

MachineHold::MachineHold(runtime::Loop& loop, std::unique_ptr<Machine> machine,
                         std::function<void(MachineEvent)> on_event, std::function<void(std::string)> on_lost)
    : loop_(loop),
      machine_(std::move(machine)),
      on_event_(std::move(on_event)),
      on_lost_(std::move(on_lost)),
      wakes_(machine_->wake().ok()),
      commands_([this] { run_commands(); }),
      events_([this] { run_events(); }) {}

MachineHold::~MachineHold() {
  *alive_ = false;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    tasks_.clear();
  }
  wake_.notify_all();
  (void)machine_->wake();
  commands_.join();
  events_.join();
}

void MachineHold::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void MachineHold::deliver(std::function<void()> task) {
  loop_.post([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  });
}

void MachineHold::run_commands() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (ending_) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void MachineHold::run_events() {
  while (!ending_) {
    auto event = machine_->next_event(std::chrono::steady_clock::now() + (wakes_ ? event_wait : blind_wait));
    if (!event) {
      runtime::log_error("runner", "cannot read the machine's events", {{"error", event.error().message}});
      deliver([this, why = event.error().message] { on_lost_(why); });
      return;
    }
    if (!*event) continue;
    const bool last = (*event)->kind == MachineEventKind::gone;
    deliver([this, value = std::move(**event)] { on_event_(value); });
    if (last) return;
  }
}

}  // namespace neonvm::daemon
