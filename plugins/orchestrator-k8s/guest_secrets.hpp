// What a guest in a cluster gets beside its own disks: the SSH key that may log in, the certificate that its spec.tls asks for.
// Pure.
//
// Both are files that the runner keeps in the guest, from Secrets that are volumes of its pod. A machine that comes by migration
// has what its source had: the guest knows of nothing else.
#pragma once

#include "core/model/machine.hpp"
#include "core/model/node.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

// Adds them to a machine that is made for the first time.
// invalid_argument: spec.tls cannot be meant.
Status add_guest_secrets(const Json& vm_spec, RunnerRole role, MachineSpec& machine);
// Volumes and mounts of the runner for those that the machine has. Adds them to the two arrays.
void mount_guest_secrets(const MachineSpec& machine, const std::string& vm, Json& volumes, Json& mounts);
// status: that of a VirtualMachine. With the names of the Secrets, once it has a runner.
void name_secrets(const Json& vm_spec, const std::string& vm, Json& status);

}  // namespace neonvm::k8s
