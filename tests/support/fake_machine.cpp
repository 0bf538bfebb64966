#include "tests/support/fake_machine.hpp"

#include <algorithm>

namespace neonvm::fakes {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

MilliCpu whole(std::size_t cpus) { return MilliCpu{static_cast<std::uint32_t>(cpus * 1000)}; }

// Which slots must move, and in which order: filled from below, emptied from above, slot 0 stays.
std::vector<std::uint32_t> slots_to_move(const FakeProcess& process, std::uint32_t count,
                                         const std::set<std::uint32_t>& refusing) {
  std::vector<std::uint32_t> order;
  const std::size_t have = process.slots.size();
  const bool fill = count > have;
  const std::size_t wanted = fill ? count - have : have - count;
  for (std::uint32_t i = 0; i < process.spec.max_cpus && order.size() < wanted; ++i) {
    const std::uint32_t slot = fill ? i : process.spec.max_cpus - 1 - i;
    if (slot == 0 || process.slots.contains(slot) == fill || (!fill && refusing.contains(slot))) continue;
    order.push_back(slot);
  }
  return order;
}
}  // namespace

bool FakeProcess::migrating() const {
  return migration.state == MigrationState::setup || migration.state == MigrationState::active ||
         migration.state == MigrationState::switching;
}

FakeMachine::FakeMachine(std::shared_ptr<FakeWorld> world, std::shared_ptr<FakeProcess> process)
    : world_(std::move(world)), process_(std::move(process)) {
  process_->held = true;
}

FakeMachine::~FakeMachine() {
  const std::lock_guard lock(world_->mutex_);
  process_->held = false;
}

Status FakeMachine::ready(Lock& lock, Deadline deadline) {
  const bool answers = world_->wait_until(
      lock, deadline, [&] { return !world_->behaviour_of(*process_).hung || !process_->alive; });
  if (!answers) return Error{Code::deadline_exceeded, process_->spec.name + " does not answer"};
  if (!process_->alive) return Error{Code::not_found, process_->spec.name + " is gone: " + process_->gone_why};
  return {};
}

Result<MachineState> FakeMachine::inspect(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can && can.error().code != Code::not_found) return can.error();
  return process_->state;
}

void FakeWorld::move_slot(const Process& process, std::uint32_t slot, bool fill) {
  if (!process->alive) return;
  if (fill) process->slots.insert(slot);
  else process->slots.erase(slot);
  process->state.cpus_present = static_cast<std::uint32_t>(process->slots.size());
  emit(*process, {MachineEventKind::cpus_changed, {}, {}, ""});
}

Result<CpuState> FakeMachine::set_cpus(std::uint32_t count, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  FakeProcess& process = *process_;
  if (count < 1 || count > process.spec.max_cpus) {
    return Error{Code::invalid_argument, "count must be between 1 and " + std::to_string(process.spec.max_cpus)};
  }
  if (process.migrating()) return Error{Code::failed_precondition, "CPU slots stay as they are during a migration"};
  const FakeBehaviour how = world_->behaviour_of(process);
  const bool fill = count > process.slots.size();
  if (count < process.slots.size() && how.cpu_unplug_unsafe) {
    return Error{Code::refused, "emptying CPU slots is unsafe here"};
  }
  const auto moving = slots_to_move(process, count, how.refusing_cpus);
  for (const std::uint32_t slot : moving) {
    if (how.silent_cpus.contains(slot)) continue;
    world_->at(process_, clock_now() + how.cpu_lag,
               [world = world_.get(), at = process_, slot, fill] { world->move_slot(at, slot, fill); });
  }
  CpuState state{whole(count), {}, true, ""};
  state.settled = world_->wait_until(lock, deadline, [&] {
    return !process.alive ||
           std::ranges::all_of(moving, [&](std::uint32_t slot) { return process.slots.contains(slot) == fill; });
  });
  if (!process.alive) return Error{Code::not_found, process.spec.name + " is gone: " + process.gone_why};
  state.actual = whole(process.slots.size());
  if (!state.settled) state.why = "not every slot has answered";
  else if (state.actual != state.asked) state.why = "the guest refused to give up CPUs";
  return state;
}

Bytes FakeWorld::reachable_memory(const FakeProcess& process) const {
  const FakeBehaviour how = behaviour_of(process);
  const Bytes now = process.state.plugged_memory;
  const Bytes wish = process.state.plugged_wish;
  if (wish > now) return std::max(now, std::min(wish, how.memory_ceiling));
  return std::min(now, std::max(wish, how.memory_in_use));
}

void FakeWorld::step_memory(const Process& process, std::uint64_t order) {
  if (!process->alive || process->memory_order != order || process->migrating()) return;
  const FakeBehaviour how = behaviour_of(*process);
  const Bytes goal = reachable_memory(*process);
  Bytes& now = process->state.plugged_memory;
  if (now == goal) return;
  const Bytes step{how.memory_step.value == 0 ? UINT64_MAX : how.memory_step.value};
  now = goal > now ? std::min(goal, now + step) : std::max(goal, now - step);
  process->memory_moved = clock_now();
  emit(*process, {MachineEventKind::memory_changed, now, {}, ""});
  if (now != goal) at(process, clock_now() + how.memory_lag, [this, process, order] { step_memory(process, order); });
}

Status FakeMachine::want_memory(Bytes pluggable, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  FakeProcess& process = *process_;
  const Bytes wish = round_up(pluggable, process.spec.memory_block.value);
  if (wish > process.spec.pluggable_memory) {
    return Error{Code::invalid_argument, to_string(wish) + " is more than the " +
                                             to_string(process.spec.pluggable_memory) + " that can be plugged"};
  }
  if (process.migrating()) return Error{Code::failed_precondition, "memory stays as it is during a migration"};
  process.state.plugged_wish = wish;
  process.memory_moved = clock_now();
  const std::uint64_t order = ++process.memory_order;
  world_->at(process_, clock_now() + world_->behaviour_of(process).memory_lag,
             [world = world_.get(), at = process_, order] { world->step_memory(at, order); });
  world_->run_due(clock_now());
  return {};
}

Result<MemoryState> FakeMachine::memory(Duration quiet, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  const MachineState& now = process_->state;
  MemoryState state{now.plugged_wish, now.plugged_memory, true, ""};
  if (state.asked == state.actual) return state;
  state.settled = clock_now() - process_->memory_moved >= quiet;
  const bool growing = state.asked > state.actual;
  const Bytes short_of = growing ? state.asked - state.actual : state.actual - state.asked;
  state.why = to_string(short_of) + (growing ? " not taken by the guest" : " in use by the guest");
  if (!state.settled) state.why = "on its way";
  return state;
}

Status FakeMachine::press_power_button(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  world_->emit(*process_, {MachineEventKind::shutdown_requested, {}, {}, ""});
  const FakeBehaviour how = world_->behaviour_of(*process_);
  if (how.ignores_power_button || process_->state.phase != MachinePhase::running) return {};
  world_->at(process_, clock_now() + how.power_off_lag, [world = world_.get(), at = process_] {
    world->emit(*at, {MachineEventKind::powered_off, {}, {}, "guest powered off"});
    world->end(*at, MachinePhase::shut_down, "guest powered off");
  });
  world_->run_due(clock_now());
  return {};
}

Status FakeMachine::quit(Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  world_->emit(*process_, {MachineEventKind::powered_off, {}, {}, "quit"});
  world_->end(*process_, MachinePhase::shut_down, "quit");
  return {};
}

Status FakeMachine::kill(Deadline) {
  const std::lock_guard lock(world_->mutex_);
  world_->end(*process_, MachinePhase::gone, "killed");
  return {};
}

Status FakeMachine::add_forward(const Port& port, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  const bool user = std::ranges::any_of(process_->spec.networks,
                                        [](const MachineNetwork& n) { return n.kind == NetworkKind::user; });
  if (!user) return Error{Code::unsupported, "forwards need user networking"};
  if (port.host == 0 || port.guest == 0) return Error{Code::invalid_argument, "a forward needs both ports"};
  if (!process_->forwards.emplace(port.protocol, port.host).second) {
    return Error{Code::already_exists, "host port " + std::to_string(port.host) + " is forwarded already"};
  }
  return {};
}

Status FakeMachine::remove_forward(const Port& port, Deadline deadline) {
  Lock lock(world_->mutex_);
  if (auto can = ready(lock, deadline); !can) return can.error();
  process_->forwards.erase({port.protocol, port.host});
  return {};
}

Result<std::optional<MachineEvent>> FakeMachine::next_event(Deadline deadline) {
  Lock lock(world_->mutex_);
  FakeProcess& process = *process_;
  world_->listen_to(process, lock, deadline);
  process.woken = false;
  if (process.events.empty()) {
    if (process.alive) return std::optional<MachineEvent>();
    return std::optional<MachineEvent>(MachineEvent{MachineEventKind::gone, {}, {}, process.gone_why});
  }
  std::optional<MachineEvent> event(std::move(process.events.front()));
  process.events.pop_front();
  return event;
}

Status FakeMachine::wake() {
  const Lock lock(world_->mutex_);
  process_->woken = true;
  process_->stirred.notify_all();
  return {};
}

}  // namespace neonvm::fakes
