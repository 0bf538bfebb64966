// MemoryPlan: what of a running VM's memory can be taken back now, what holds the rest, and how far the VM can grow.
//
// Made by decide/memory_plan; shown by `neonvm describe` and as metrics of the runner. Values.
#pragma once

#include <string>
#include <vector>

#include "core/model/resources.hpp"

namespace neonvm {

enum class Holder { programs, locked, slab, page_tables, kernel_stacks, page_structs, kernel_other };
constexpr Holder all_holders[] = {Holder::programs,      Holder::locked,       Holder::slab,        Holder::page_tables,
                                  Holder::kernel_stacks, Holder::page_structs, Holder::kernel_other};
// "programs and tmpfs", "locked memory", … ; and as a label of a metric: "programs", "locked", …
const char* to_string(Holder holder);
const char* label_of(Holder holder);

struct Held {
  Holder holder = Holder::programs;
  Bytes amount;

  friend bool operator==(const Held&, const Held&) = default;
};

struct MemoryPlan {
  Bytes size;                      // the VM's: base and plugged
  Bytes floor;                     // the smallest that it could be now
  Bytes reclaimable;               // size - floor
  Bytes in_kernel_zone;            // of what is plugged: the kernel may have put something there that never leaves
  std::vector<Held> held;          // what cannot be dropped, the largest first
  Bytes kernel_size, kernel_room;  // of the kernel's zones: all, and free or to be had at once
  Bytes droppable;                 // of the kernel's zones: slab that can be dropped as far as it is not in use
  Bytes movable_size, movable_free;
  Bytes most;                      // the largest size to be plugged now
  std::string most_why;            // of a `most` below the machine's: what is in the way, with numbers
  Bytes least;                     // the smallest size that leaves the guest room to run, whatever it was told to give

  friend bool operator==(const MemoryPlan&, const MemoryPlan&) = default;
};

}  // namespace neonvm
