// Private to wire: spec.disks of a VirtualMachine (neonvm.md 1.4): each names exactly one source.
#pragma once

#include <vector>

#include "core/model/vm.hpp"
#include "core/wire/json.hpp"

namespace neonvm::wire {

void read_disks(const Json& spec, std::vector<Disk>& disks, Faults& faults);
// What a disk of the same name has there already, and we do not know, stays.
void write_disks(const std::vector<Disk>& disks, Json& spec);

}  // namespace neonvm::wire
