// CpuSlots: fills and empties the CPU slots of one QEMU, several at once.
//
// Used by qemu_machine. A slot is "present" as soon as QEMU has it; whether the guest's kernel brings the CPU online
// is the guest's word. Threads: set() and present() on any one thread at a time each; on_event() on the QMP thread.
// Failure: a slot that is refused, or of which nothing is heard, does not keep the others from moving.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"

namespace neonvm::qemu {

class CpuSlots {
 public:
  explicit CpuSlots(Monitor& monitor);

  // Under KVM. Until it is said, emptying a slot is refused.
  void unplug_is_safe() { unplug_is_safe_ = true; }

  Result<CpuState> set(std::uint32_t count, Deadline deadline);
  // Fills exactly these (the slots that the source of a migration has), beside those from power-on.
  Status fill(const std::vector<std::uint32_t>& numbers, Deadline deadline);
  Result<std::vector<CpuSlot>> read(Deadline deadline);

  // What the guest or QEMU said about a CPU; the event to pass on, if it is one.
  std::optional<MachineEvent> on_event(const QmpEvent& event);

 private:
  enum class Word { none, gone, refused };

  std::string fill_slots(const std::vector<CpuSlot>& slots, Deadline deadline);
  std::string empty_slots(const std::vector<CpuSlot>& slots, Deadline deadline);
  void await_words(const std::vector<CpuSlot>& slots, Deadline deadline);
  std::optional<MachineEvent> hear(const std::string& device, Word word, const std::string& why);

  Monitor& monitor_;
  std::atomic<bool> unplug_is_safe_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Word> words_;  // of the devices that are asked to leave
};

// Pure: which to fill, lowest first; which to empty, highest first (those from power-on cannot leave).
std::vector<CpuSlot> slots_to_fill(const std::vector<CpuSlot>& slots, std::uint32_t count);
std::vector<CpuSlot> slots_to_empty(const std::vector<CpuSlot>& slots, std::uint32_t count);

}  // namespace neonvm::qemu
