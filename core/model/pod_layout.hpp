// pod_layout: where a runner finds its things in a pod, and what it takes beside its guest. What makes pods, what plans machines for
// them and who keeps the books of nodes all need it.
#pragma once

#include "core/model/resources.hpp"

namespace neonvm::pod {

constexpr const char* spec_file = "/neonvm/spec/runner.json";
constexpr const char* run_folder = "/neonvm/run";               // run directories, in memory
constexpr const char* home = "/neonvm/run/home";                // of the program: nothing of worth
constexpr const char* disks = "/neonvm/disks";                  // the VM's own; they go with the pod
constexpr const char* access = "/neonvm/access";                // tls.crt, tls.key, ca.crt, token
constexpr const char* secrets = "/neonvm/secrets";              // a folder each
constexpr const char* config_maps = "/neonvm/configmaps";
constexpr const char* door_folder = "/neonvm/image";            // the image door and its socket
constexpr const char* door_socket = "/neonvm/image/image.sock";
constexpr const char* image_disk = "/disk.qcow2";               // in a VM's image: upstream's contract
constexpr const char* tap = "tap-def";                          // upstream's name: to the VM, where the pod routes for it
constexpr const char* overlay_ports = "/run/neonvm-overlay";    // of the node: a folder for each pod, NAMESPACE_POD
constexpr const char* overlay_port_name = "port";               // the socket in it
constexpr const char* overlay_folder = "/neonvm/overlay";       // the pod's own folder of those
constexpr const char* overlay_port = "/neonvm/overlay/port";
constexpr const char* farewell = "/dev/termination-log";
constexpr const char* kernel = "/usr/share/neonvm/guest/vmlinuz";  // of the runner's image
constexpr const char* initrd = "/usr/share/neonvm/guest/initrd";
constexpr const char* image_door = "/usr/bin/neonvm-image-door";
constexpr unsigned user = 10020;                                // of all that runs in it
constexpr const char* token_header = "x-neonvm-token";         // lets into a runner's door as a bearer token does
constexpr unsigned short runner_port = 25183, migration_port = 20187;  // upstream's

// QEMU, its page tables and the runner: a fixed part, and what grows with the guest's memory.
constexpr Bytes vmm_memory(Bytes guest) { return Bytes{160 * mib + guest.value / 64}; }

// Annotation of a runner's pod: its RunnerSpec. Label: the role; nobody else's pods have it.
constexpr const char* runner_spec_annotation = "neonvm.dev/runner-spec";
constexpr const char* role_label = "neonvm.dev/runner-role";
constexpr const char* vm_name_label = "vm.neon.tech/name";      // upstream's: the VM's name

}  // namespace neonvm::pod
