#include "core/model/memory_plan.hpp"

namespace neonvm {

const char* to_string(Holder holder) {
  switch (holder) {
    case Holder::programs: return "programs and tmpfs";
    case Holder::locked: return "locked memory";
    case Holder::slab: return "slab";
    case Holder::page_tables: return "page tables";
    case Holder::kernel_stacks: return "kernel stacks";
    case Holder::page_structs: return "page structs";
    case Holder::kernel_other: return "kernel, otherwise";
  }
  return "?";
}

const char* label_of(Holder holder) {
  switch (holder) {
    case Holder::programs: return "programs";
    case Holder::locked: return "locked";
    case Holder::slab: return "slab";
    case Holder::page_tables: return "page_tables";
    case Holder::kernel_stacks: return "kernel_stacks";
    case Holder::page_structs: return "page_structs";
    case Holder::kernel_other: return "kernel_other";
  }
  return "?";
}

}  // namespace neonvm
