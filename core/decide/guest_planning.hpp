// The part of a machine plan that the guest's init sees to: disks and what is mounted from them, files, sysctl, swap.
//
// Called by decide/machine_plan. Pure. Failure: invalid_argument that names the field.
#pragma once

#include <string>

#include "core/decide/machine_plan.hpp"

namespace neonvm::decide {

Status plan_guest(const VmSpec& spec, const std::string& directory, const MachineDefaults& defaults, MachineSpec& machine);

}  // namespace neonvm::decide
