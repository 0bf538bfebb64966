#include "plugins/hypervisor-qemu/cpu_slots.hpp"

#include <algorithm>

#include "plugins/hypervisor-qemu/clock.hpp"

namespace neonvm::qemu {

namespace {
// ACPI 6.4, 6.3.5: source events and status codes of _OST.
constexpr int ost_eject = 3;
constexpr int ost_eject_in_progress = 0x84;

std::string device_name(const CpuSlot& slot) { return "cpu" + std::to_string(slot.number); }

std::uint32_t filled(const std::vector<CpuSlot>& slots) {
  return static_cast<std::uint32_t>(std::ranges::count_if(slots, &CpuSlot::filled));
}

MachineEvent cpus_changed(std::string why) { return {MachineEventKind::cpus_changed, {}, {}, std::move(why)}; }
}  // namespace

std::vector<CpuSlot> slots_to_fill(const std::vector<CpuSlot>& slots, std::uint32_t count) {
  std::vector<CpuSlot> chosen;
  const std::uint32_t have = filled(slots);
  for (const CpuSlot& slot : slots) {
    if (have + chosen.size() >= count) break;
    if (!slot.filled) chosen.push_back(slot);
  }
  return chosen;
}

std::vector<CpuSlot> slots_to_empty(const std::vector<CpuSlot>& slots, std::uint32_t count) {
  std::vector<CpuSlot> chosen;
  const std::uint32_t have = filled(slots);
  for (auto slot = slots.rbegin(); slot != slots.rend(); ++slot) {
    if (have - chosen.size() <= count) break;
    if (slot->filled && !slot->device.empty()) chosen.push_back(*slot);
  }
  return chosen;
}

CpuSlots::CpuSlots(Monitor& monitor) : monitor_(monitor) {}

Result<std::vector<CpuSlot>> CpuSlots::read(Deadline deadline) {
  auto body = monitor_.execute(plain("query-hotpluggable-cpus"), deadline);
  if (!body) return body.error();
  return read_cpu_slots(*body);
}

Result<CpuState> CpuSlots::set(std::uint32_t count, Deadline deadline) {
  auto before = read(deadline);
  if (!before) return before.error();
  if (count < 1 || count > before->size()) {
    return Error{Code::invalid_argument, "CPUs: " + std::to_string(count) + " is not within 1 and the " +
                                             std::to_string(before->size()) + " slots of this machine"};
  }
  const std::uint32_t have = filled(*before);
  // A removed vCPU leaves a memory listener behind under TCG; the next plug, migration or shutdown aborts QEMU.
  if (count < have && !unplug_is_safe_) {
    return Error{Code::refused, "emptying a CPU slot under TCG makes QEMU abort later; switch CPUs off in the guest"};
  }
  std::string why;
  if (count > have) why = fill_slots(slots_to_fill(*before, count), deadline);
  if (count < have) why = empty_slots(slots_to_empty(*before, count), deadline);

  auto after = count == have ? before : read(std::max(deadline, clock_now() + std::chrono::seconds(1)));
  if (!after) return after.error();
  CpuState state{MilliCpu{count * 1000}, MilliCpu{filled(*after) * 1000}, true, ""};
  if (state.actual == state.asked) return state;
  state.settled = !why.empty() && clock_now() < deadline;
  state.why = why;
  if (count < have && why.empty()) {
    const bool fixed = slots_to_empty(*after, count).empty();
    state.settled = fixed;
    state.why = fixed ? "the CPUs from power-on cannot leave" : "the guest has not answered for every CPU";
  }
  return state;
}

Status CpuSlots::fill(const std::vector<std::uint32_t>& numbers, Deadline deadline) {
  auto slots = read(deadline);
  if (!slots) return slots.error();
  std::vector<CpuSlot> missing;
  for (const std::uint32_t number : numbers) {
    const auto slot = std::ranges::find(*slots, number, &CpuSlot::number);
    if (slot == slots->end()) {
      return Error{Code::invalid_argument, "the source has CPU slot " + std::to_string(number) + ", this has not"};
    }
    if (!slot->filled) missing.push_back(*slot);
  }
  if (const std::string why = fill_slots(missing, deadline); !why.empty()) return Error{Code::refused, why};
  return {};
}

std::string CpuSlots::fill_slots(const std::vector<CpuSlot>& slots, Deadline deadline) {
  std::vector<QmpCommand> commands;
  for (const CpuSlot& slot : slots) commands.push_back(fill_slot(slot, device_name(slot)));
  std::string why;
  std::size_t i = 0;
  for (const auto& answer : monitor_.execute_all(commands, deadline)) {
    const std::string name = device_name(slots[i++]);
    if (!answer) why += (why.empty() ? "" : "; ") + name + ": " + answer.error().message;
  }
  return why;
}

std::string CpuSlots::empty_slots(const std::vector<CpuSlot>& slots, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    words_.clear();
    for (const CpuSlot& slot : slots) words_[slot.device] = Word::none;
  }
  std::vector<QmpCommand> commands;
  for (const CpuSlot& slot : slots) commands.push_back(empty_slot(slot.device));
  std::string why;
  std::size_t i = 0;
  for (const auto& answer : monitor_.execute_all(commands, deadline)) {
    const std::string& device = slots[i++].device;
    if (answer) continue;
    why += (why.empty() ? "" : "; ") + device + ": " + answer.error().message;
    hear(device, Word::refused, "");
  }
  await_words(slots, deadline);
  const std::lock_guard lock(mutex_);
  for (const auto& [device, word] : words_) {
    if (word == Word::refused && why.find(device + ":") == std::string::npos) {
      why += (why.empty() ? "" : "; ") + device + ": the guest keeps it";
    }
  }
  words_.clear();
  return why;
}

void CpuSlots::await_words(const std::vector<CpuSlot>& slots, Deadline deadline) {
  std::unique_lock lock(mutex_);
  wait_until(changed_, lock, deadline, [&] {
    return std::ranges::none_of(slots, [&](const CpuSlot& slot) { return words_[slot.device] == Word::none; });
  });
}

std::optional<MachineEvent> CpuSlots::hear(const std::string& device, Word word, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (const auto asked = words_.find(device); asked != words_.end()) asked->second = word;
  changed_.notify_all();
  return cpus_changed(why);
}

std::optional<MachineEvent> CpuSlots::on_event(const QmpEvent& event) {
  if (event.name == "DEVICE_DELETED") {
    const std::string device = member(event, "device");
    if (!device.starts_with("cpu")) return std::nullopt;
    return hear(device, Word::gone, "");
  }
  if (event.name == "DEVICE_UNPLUG_GUEST_ERROR") {
    const std::string device = member(event, "device");
    if (!device.starts_with("cpu")) return std::nullopt;
    return hear(device, Word::refused, "the guest refused to give up " + device);
  }
  const auto notice = read_cpu_notice(event);
  if (!notice) return std::nullopt;
  const std::string device = notice->device.empty() ? "cpu" + notice->slot : notice->device;
  if (notice->source == ost_eject && notice->status == ost_eject_in_progress) return std::nullopt;
  if (notice->status == 0) return cpus_changed("");
  const std::string code = " (ACPI status " + std::to_string(notice->status) + ")";
  if (notice->source == ost_eject) return hear(device, Word::refused, "the guest refused to give up " + device + code);
  return cpus_changed("the guest refused to take " + device + code);
}

}  // namespace neonvm::qemu
