#include "plugins/hypervisor-qemu/memory_device.hpp"

#include "plugins/hypervisor-qemu/clock.hpp"

namespace neonvm::qemu {

namespace {
constexpr Duration first_look = std::chrono::milliseconds(10);
constexpr Duration slowest_look = std::chrono::milliseconds(250);
// After so long without a step nobody looks any more; a later step is told by QEMU, as the first of its kind at once.
constexpr Duration patience = std::chrono::seconds(5);
constexpr Duration first_nudge = std::chrono::seconds(1);
constexpr Duration slowest_nudge = std::chrono::seconds(30);
}  // namespace

std::string why_not_there(Bytes asked, Bytes actual) {
  if (asked == actual) return "";
  if (asked > actual) {
    return "the guest has not taken " + to_string(asked - actual) + ": no driver for it, or no room to manage it";
  }
  return to_string(actual - asked) + " are in use in the guest and cannot leave";
}

PluggableMemory::PluggableMemory(Monitor& monitor)
    : monitor_(monitor), next_look_(clock_now()), pace_(first_look) {
  moved_now();
}

void PluggableMemory::moved_now() {
  moved_ = clock_now();
  nudge_pace_ = first_nudge;
  next_nudge_ = moved_ + nudge_pace_;
}

Result<std::optional<MemoryDevice>> PluggableMemory::read(Deadline deadline) {
  auto body = monitor_.execute(plain("query-memory-devices"), deadline);
  if (!body) return body.error();
  return read_memory_device(*body);
}

bool PluggableMemory::nudge_is_due(const MemoryDevice& device) {
  if (device.size >= device.requested || clock_now() < next_nudge_) return false;
  nudge_pace_ = std::min(2 * nudge_pace_, slowest_nudge);
  next_nudge_ = clock_now() + nudge_pace_;
  return true;
}

bool PluggableMemory::note(const MemoryDevice& device) {
  const Instant now = clock_now();
  const bool first = !size_;
  const bool news = size_ != device.size;
  if (news) moved_now();
  size_ = device.size;
  wish_ = device.requested;
  if (device.size == device.requested) {
    next_look_.reset();
  } else if (now - moved_ > patience) {
    next_look_.reset();
    if (device.size < device.requested) next_look_ = std::max(next_nudge_, now + slowest_look);
  } else {
    pace_ = news ? first_look : std::min(2 * pace_, slowest_look);
    next_look_ = now + pace_;
  }
  return news && !first;
}

Status PluggableMemory::want(Bytes size, Deadline deadline) {
  auto device = read(deadline);
  if (!device) return device.error();
  if (!*device) {
    if (size.value == 0) return {};
    return Error{Code::invalid_argument, "this machine has no pluggable memory"};
  }
  const Bytes wish = round_up(size, (*device)->block.value);
  if (wish > (*device)->max) {
    return Error{Code::invalid_argument, to_string(wish) + " is more than the " + to_string((*device)->max) +
                                             " that can be plugged into this machine"};
  }
  if (wish != (*device)->requested) {
    auto done = monitor_.execute(request_memory((*device)->id, wish), deadline);
    if (!done) return done.error();
  }
  const std::lock_guard lock(mutex_);
  size_ = (*device)->size;
  wish_ = wish;
  moved_now();
  pace_ = first_look;
  next_look_ = moved_ + pace_;
  return {};
}

Result<MemoryState> PluggableMemory::state(Duration quiet, Deadline deadline) {
  auto device = read(deadline);
  if (!device) return device.error();
  if (!*device) return MemoryState{};
  const std::lock_guard lock(mutex_);
  // Not note(): the one who looks for events must still find the news.
  if (size_ && *size_ != (*device)->size) {
    moved_now();
    next_look_ = moved_;
  }
  MemoryState state{(*device)->requested, (*device)->size, true, ""};
  if (state.asked == state.actual) return state;
  state.settled = clock_now() - moved_ >= quiet;
  state.why = state.settled ? why_not_there(state.asked, state.actual) : "on its way";
  return state;
}

Status PluggableMemory::nudge(Deadline deadline) {
  auto device = read(deadline);
  if (!device) return device.error();
  if (!*device || (*device)->size == (*device)->requested) return {};
  if (auto told = tell_anew(**device, deadline); !told) return told;
  const std::lock_guard lock(mutex_);
  moved_now();
  next_look_ = moved_ + first_look;
  return {};
}

// Two changes, because a wish that is what it was tells the guest nothing.
Status PluggableMemory::tell_anew(const MemoryDevice& memory, Deadline deadline) {
  const Bytes other = memory.requested >= memory.block ? memory.requested - memory.block : memory.block;
  const std::vector<QmpCommand> there_and_back{request_memory(memory.id, other),
                                               request_memory(memory.id, memory.requested)};
  for (const auto& answer : monitor_.execute_all(there_and_back, deadline)) {
    if (!answer) return answer.error();
  }
  return {};
}

std::optional<MachineEvent> PluggableMemory::on_event(const QmpEvent& event) {
  const auto size = read_memory_size(event);
  if (!size) return std::nullopt;
  const std::lock_guard lock(mutex_);
  moved_now();
  size_ = *size;
  if (wish_ != *size) {
    pace_ = first_look;
    next_look_ = moved_ + pace_;
  }
  return MachineEvent{MachineEventKind::memory_changed, *size, {}, ""};
}

std::optional<Instant> PluggableMemory::next_look() {
  const std::lock_guard lock(mutex_);
  return next_look_;
}

std::optional<MachineEvent> PluggableMemory::look(bool may_nudge, Deadline deadline) {
  auto device = read(deadline);
  bool nudge = false, news = false;
  {
    const std::lock_guard lock(mutex_);
    if (!device || !*device) {
      next_look_.reset();
      if (!device && device.error().code != Code::not_found) next_look_ = clock_now() + std::chrono::seconds(1);
      return std::nullopt;
    }
    news = note(**device);
    nudge = may_nudge && nudge_is_due(**device);
  }
  // Its failure shows as memory that still stands still.
  if (nudge) (void)tell_anew(**device, deadline);
  if (!news) return std::nullopt;
  return MachineEvent{MachineEventKind::memory_changed, (*device)->size, {}, ""};
}

}  // namespace neonvm::qemu
