// What works on this machine, found by trying it.
//
// Used by qemu_hypervisor. Threads: any. Each takes at most until its deadline and leaves nothing behind.
#pragma once

#include <vector>

#include "core/model/machine.hpp"
#include "core/ports/hypervisor.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

// "kvm": a vCPU of our own, then QEMU with a boot sector: there are KVMs on which the first works and the second hangs.
// The second is not tried again when it is remembered (kvm_verdict), unless `afresh`.
Capability find_out_kvm(const Settings& settings, Deadline deadline, bool afresh);

// "qemu", "user-network", "virtio-mem", "cpu-hotplug", "cpu-unplug", "live-migration": a small machine is started by
// `hypervisor`, each is tried on it, and it is killed.
std::vector<Capability> try_a_machine(Hypervisor& hypervisor, const Settings& settings, bool kvm, Deadline deadline);

// "tap": a tap device is made, and gone again with its descriptor.
Capability find_out_tap();

}  // namespace neonvm::qemu
