// The target's side of carried disks: every writable disk is served to the source, until the VM runs here.
//
// Used by qemu_machine. Threads: any. Failure: that of QMP; both are idempotent.
#pragma once

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/migration_place.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"

namespace neonvm::qemu {

Status serve_disks(Monitor& monitor, const MachineSpec& spec, const MigrationPlace& place, Deadline deadline);
// QEMU lets the guest write only after that: two writers of one disk would be one too many.
Status stop_serving_disks(Monitor& monitor, Deadline deadline);

}  // namespace neonvm::qemu
