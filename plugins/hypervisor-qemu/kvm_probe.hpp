// Does KVM work here? Answered by running a vCPU, not by looking at /dev/kvm: a device may be there and its VMs never
// come back.
//
// Used by qemu_hypervisor, once. Runs in a child process that is killed at the deadline. Threads: any.
#pragma once

#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"

namespace neonvm::qemu {

// name "kvm". `device` is another path than /dev/kvm in tests only.
Capability probe_kvm(Deadline deadline, const std::string& device = "/dev/kvm");

}  // namespace neonvm::qemu
