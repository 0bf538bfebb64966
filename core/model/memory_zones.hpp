// Memory zones: what a guest's kernel must keep in its own zones for memory that is plugged, and how much that allows.
//
// The kernel describes each page of 4 KiB by a struct page of 64 bytes, and maps it with an entry of 8 bytes; both lie in
// memory that cannot be movable. Movable memory can leave again, but the kernel cannot use it for itself: a guest whose
// movable memory is too large for the rest dies with gigabytes free. How much becomes movable is the kernel's rule
// "auto-movable" (memory_hotplug.auto_movable_ratio), or everything.
//
// Called by violations(), decide/memory_plan and decide/machine_plan. Pure; cannot fail: words that a kernel would not
// understand are passed over as it does.
#pragma once

#include <string_view>

#include "core/model/resources.hpp"

namespace neonvm {

// MOVABLE : KERNEL at most, as a number (4.01); infinity: all that is plugged becomes movable.
struct Onlining {
  double movable_ratio;

  // Nothing is known of the kernel: it leaves memory offline, and the monitor switches it on as movable.
  static Onlining all_movable();
  // By the last words on a kernel's command line. `usual` for what it does not say.
  static Onlining of_cmdline(std::string_view cmdline, Onlining usual);
  friend bool operator==(const Onlining&, const Onlining&) = default;
};

// What plan_machine() puts on every command line: 401 %.
constexpr Onlining our_onlining{4.01};

struct VmSpec;
// Of the kernel that the spec boots. A disk that boots itself has a command line of its own, of which nothing is known.
Onlining onlining_of(const VmSpec& spec);

// Of `plugged`, in the kernel's zones: page structs and page tables.
Bytes upkeep_of(Bytes plugged);
// The memory whose upkeep fits in `room`.
Bytes kept_by(Bytes room);
// Of `plugged` beside `kernel` bytes that were there: what the rule makes movable.
Bytes movable_part(Bytes plugged, Bytes kernel, Onlining onlining);

// The largest VM that `base` can hold up: before a kernel block comes by the rule, the movable ones must have found room.
Bytes most_on_base(Bytes base, Onlining onlining);
// The smallest base that holds up a VM of `most`.
Bytes least_base(Bytes most, Onlining onlining);

}  // namespace neonvm
