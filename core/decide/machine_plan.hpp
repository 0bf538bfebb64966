// MachinePlan: from a VM's spec to the machine that a hypervisor is to make of it.
//
// Called by daemon/controller once for every start; pure. What it answers goes into the runner's object whole, so that
// successors of a runner and the target of a migration are made from the same text. Failure: invalid_argument that
// names the field, for what a spec may say and a desk cannot do.
#pragma once

#include <string>

#include "core/model/machine.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

// What a VM gets that does not say otherwise.
struct MachineDefaults {
  std::string kernel, initrd;      // of the default guest; empty: there is none on this machine
  std::string kernel_why;          // why it is empty, with the next step
  std::string cmdline;             // appended to every VM's
  std::string machine_type;        // empty: the hypervisor's own choice
  std::string configs, secrets;    // folders in which a ConfigMap or Secret is one; empty: there are none here
  bool egress = false;             // user networking may reach beyond this machine's forwards
  std::string directory;           // where a VM's own files are on the machine that runs it; empty: as the orchestrator says
  bool routed = false;             // the network is a pod's that routes for the VM (decide/pod_network)
  std::string overlay_port;        // Unix socket at which a runner finds a place in the overlay network; empty: there is none
  bool forward_all = false;        // the network is the VM's own: every port of it is opened, under its own number
};

// directory: where the VM's own files are kept; absolute.
//
// Sizes: every CPU slot up to cpus.max exists; with sysfs all are filled and the kernel brings up those of cpus.use, with
// qmp those of cpus.use are filled. Base memory is memory.min, the rest up to memory.max is pluggable, plugged up to
// memory.use at once. An image is never written to: the root disk is a qcow2 of the VM's own over it. It is booted by
// the default guest's kernel as root=, or by its own boot loader when the spec's kernel is "firmware". Disks, tmpfs, files,
// swap and sysctl are the guest plan's, for whichever init reads it. With an address in the overlay network it has a second card, and the
// kernel's ip= parameter says what its address is.
Result<MachineSpec> plan_machine(const VmSpec& spec, const Object& vm, const std::string& directory,
                                 const MachineDefaults& defaults, const OverlayAddress& overlay = {});

// The kernel of a VM that its own disk boots.
constexpr const char* firmware_kernel = "firmware";

// Letters, digits and dashes, unlike any other text's: a locally administered MAC address and an RFC 4122 UUID made of
// the text. Both sides of a migration have the same.
std::string mac_of(std::string_view text);
std::string uuid_of(std::string_view text);

}  // namespace neonvm::decide
