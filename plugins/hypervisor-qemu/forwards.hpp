// Port forwards of QEMU's user networking, added and removed while the VM runs.
//
// Used by qemu_machine. QMP has no words for it, so it goes through the human monitor, whose answers are for people.
// Threads: any. Failure: refused when the host's port cannot be had; removing what is not there is no failure.
#pragma once

#include <string>

#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"

namespace neonvm::qemu {

// A network of the machine and what QEMU calls its host's end.
struct NetworkEnd {
  const MachineNetwork* network;
  std::string id;
};

// "tcp:127.0.0.1:8080"
std::string host_end(const MachineNetwork& network, const Port& port);

Status add_forward(Monitor& monitor, const NetworkEnd& network, const Port& port, Deadline deadline);
Status remove_forward(Monitor& monitor, const NetworkEnd& network, const Port& port, Deadline deadline);

}  // namespace neonvm::qemu
