// Files that are named by a descriptor of this process: "/proc/self/fd/N", perhaps of a file that has no name any more.
//
// Used by the launcher, by disks and by run_program's callers. QEMU and qemu-img inherit such descriptors under the same
// numbers, whatever their close-on-exec flag; nothing else does. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/machine.hpp"

namespace neonvm::qemu {

std::optional<int> named_descriptor(const std::string& path);
std::vector<int> named_descriptors(const MachineSpec& spec);  // of its disks, their backing images, and taps

}  // namespace neonvm::qemu
