// Resize: from the size that was asked to what is done next with one running machine.
//
// Called by daemon/runner at every change of the facts (and when `look_again` comes); pure and const. CPU and memory
// never wait for each other; at most one order of a kind is open. The caller does the `orders`, notes their answers in
// an Attempt and asks again: a plan without orders and without `look_again` waits for an event.
//
// How a size is divided: whole CPUs = ceil(asked); memory = base (fixed at power-on) + what is plugged, in blocks.
// With sysfs every slot is filled and the guest switches CPUs; with qmp slots are filled first and emptied last, and
// where emptying is unsafe (QEMU under TCG, lab-virt.md 0.2) the guest switches the CPU off and the slot stays filled.
//
// Laws: nothing is ordered while a migration runs or the machine is not running; what a refusal leaves is retried
// with a doubling delay of at most `resize_retry_cap`; `settled` is false only while something is under way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/goal.hpp"
#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "core/model/memory_zones.hpp"
#include "core/model/resources.hpp"

namespace neonvm::decide {

constexpr Duration resize_retry_first = std::chrono::milliseconds(500);
constexpr Duration resize_retry_cap = std::chrono::seconds(5);

// What of a machine does not change while it runs.
struct MachineShape {
  CpuScalingMode cpu_mode = CpuScalingMode::sysfs;
  std::uint32_t max_cpus = 1;
  std::uint32_t boot_cpus = 1;         // qmp: slots that can never be emptied
  bool slots_can_empty = true;         // false under TCG
  Bytes base_memory;                   // nominal, without the KiB that a plugin adds for its own reasons
  Bytes pluggable_memory;
  Bytes memory_block{2 * mib};
  double movable_ratio = our_onlining.movable_ratio;  // by the kernel's command line, see model/memory_zones
};
// accelerator: as MachineState tells it ("kvm", "tcg").
MachineShape shape_of(const MachineSpec& spec, const std::string& accelerator);

// CPUs to have online for `asked`: 1 .. max_cpus.
std::uint32_t cpus_for(const MachineShape& shape, MilliCpu asked);
// The wish for the virtio-mem device that gives `total`: whole blocks, 0 .. pluggable_memory.
Bytes pluggable_for(const MachineShape& shape, Bytes total);
// Base plus plugged: the size that people see.
Bytes total_for(const MachineShape& shape, Bytes plugged);

// The last order of one kind.
struct Attempt {
  bool open = false;                   // ordered, not answered yet
  std::uint64_t wish = 0;              // what it asked for: a CPU count, or bytes
  std::uint32_t failures = 0;          // refused or unanswered in a row, for this same wish
  Instant answered{};
  std::string why;                     // of the last failure
};
// The attempt after its answer. An answer to another wish than the one noted changes nothing: it came late.
Attempt answered(Attempt attempt, std::uint64_t wish, const std::optional<std::string>& failure, Instant now);
// The attempt after its order went out.
Attempt ordered(Attempt attempt, std::uint64_t wish);

struct ResizeFacts {
  Resources asked;
  MachinePhase phase = MachinePhase::starting;
  bool migrating = false;              // a copy was ordered and has not ended
  bool guest_connected = false;
  std::uint32_t slots_filled = 1;
  std::uint32_t cpus_online = 1;       // the guest's last word; before the first: what its kernel was told at boot
  Bytes plugged, plugged_wish;         // of the virtio-mem device
  bool memory_moving = false;          // the plugged size changed lately
  std::string memory_why;              // the hypervisor's word on a wish that is not met
  std::string memory_held;             // what the guest holds that cannot leave: "612Mi programs and tmpfs, 40Mi slab"
  std::optional<Bytes> memory_most;    // the largest size that the guest's kernel can describe now; never shrinks a VM
  std::string memory_most_why;
  std::optional<Bytes> memory_least;   // the smallest size that leaves its guest room to run now; never grows a VM
  Attempt fill, online, memory;
};

enum class ResizeDeed {
  want_memory,   // Machine::want_memory(memory)
  set_slots,     // Machine::set_cpus(cpus)
  set_online,    // wire::SetCpus{cpus} to the guest
};
const char* to_string(ResizeDeed deed);

struct ResizeOrder {
  ResizeDeed deed = ResizeDeed::want_memory;
  std::uint32_t cpus = 0;
  Bytes memory;                        // pluggable part
  Because because;
};

struct ResizePlan {
  std::vector<ResizeOrder> orders;     // each of another deed; may be done side by side
  CpuState cpu;                        // to be reported: asked, actual, settled, why
  MemoryState memory;                  // of the whole VM
  std::optional<Instant> look_again;   // a refused order is due again then

  [[nodiscard]] bool settled() const { return cpu.settled && memory.settled; }
};

ResizePlan plan_resize(const MachineShape& shape, const ResizeFacts& facts, Instant now);

}  // namespace neonvm::decide
