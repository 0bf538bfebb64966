// MemoryPlan: of one running VM: what memory can be taken back now, what is stuck and why, how far it can grow, and how far
// it can shrink without the OOM killer.
//
// Called by daemon/runner with each sample, and by cli/describe. Pure. Failure: none without a layout in the sample, which
// older guests do not tell. `floor` is what the guest itself would agree to (decide/guest_consent, in the sample).
//
// How far: what is plugged must be described and mapped from memory that the kernel can use itself (model/memory_zones).
//  - What the kernel holds for itself never leaves, so what would not fit beside it is not plugged (`most`).
//  - So does slab that the kernel calls reclaimable, as long as it has not been dropped: each open socket, pipe and file
//    of a tmpfs holds some that cannot be, and no counter says how much.
//  - What programs and files hold there may leave: while it is in the way, growth goes in small steps, and only when no
//    movable memory is free either.
//
// How far down: virtio-mem takes every page that can be moved away, the last one too, and the guest's next allocation then
// kills its workload. A shrink that the guest advises against ends at `least`: what neither MemAvailable nor free swap
// could take in, and `least_guest_room`.
//
// Laws: `least` is at least the base and at most the VM's size; floor + reclaimable is the VM's size; the base never leaves; `most` is at least that size and at most the
// machine's; what is stuck is not more than what the guest has; and after growing to `most` by the kernel's rule,
// `least_kernel_room` of the kernel's zones is still not held by the kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/decide/resize.hpp"
#include "core/model/memory_plan.hpp"
#include "core/model/metrics.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

constexpr Bytes least_kernel_room{16 * mib};
// Two of Linux' memory blocks: what is plugged when memory is short everywhere.
constexpr Bytes memory_step{256 * mib};
constexpr Bytes least_drop{8 * mib};
constexpr Bytes least_guest_room{48 * mib};
// `least` comes in steps, so that a guest that breathes is not resized with each sample.
constexpr Bytes least_step{32 * mib};

// Whether growth that is limited is worth it that the guest drops its slab. kept: what was left of it the last time.
bool worth_dropping(const MemoryPlan& plan, Bytes kept);

std::optional<MemoryPlan> plan_memory(const MachineShape& shape, Bytes plugged, const GuestSample& sample);

// What of a machine plan_memory() needs, as plan_machine() makes it of that spec.
MachineShape memory_shape_of(const VmSpec& spec);

// "612Mi programs and tmpfs, 96Mi locked memory, 40Mi slab": at most three, of at least 1 MiB each; "" if nothing is.
std::string in_words(const std::vector<Held>& held);

}  // namespace neonvm::decide
