// CommandLine: the argv of a QEMU, as a value, from a MachineSpec.
//
// Used by qemu_hypervisor before anything is started. Pure: the same spec and facts give the same argv, and the argv of
// the target of a migration differs only in what must differ (lab-virt.md 4). Failure: a spec that no QEMU could run is
// invalid_argument, naming the field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

// What the spec leaves open, found out by the caller.
struct LaunchFacts {
  std::string binary;         // absolute path
  std::string machine_type;   // "pc-q35-7.2"
  bool kvm = false;
};

// File descriptors that QEMU finds open. The sockets listen already, so that they can be connected to from the first
// moment and have our permissions; the lock ends with the process that holds it (launcher.hpp).
constexpr int monitor_fd = 3;
constexpr int oob_monitor_fd = 4;
constexpr int guest_fd = 5;
constexpr int console_fd = 6;
constexpr int lock_fd = 7;

// Ids that other files refer to.
constexpr const char* memory_device_id = "vm0";
std::string network_id(std::size_t index);  // of the netdev

Status check(const MachineSpec& spec);

Result<std::vector<std::string>> command_line(const MachineSpec& spec, const LaunchFacts& facts,
                                              const Settings& settings);

// For somebody who makes the board, the base memory and the sandbox himself (libvirt): the rest, with sockets that QEMU
// makes at these paths. They, the guest's and the console's are at most 107 characters long.
Result<std::vector<std::string>> passed_through(const MachineSpec& spec, const Settings& settings,
                                                const std::string& monitor, const std::string& oob_monitor);

// Under TCG a RAM block of a multiple of 256 KiB loses writes of a busy guest in a live migration (lab-virt.md 0.1):
// so it gets 8 KiB more there.
Bytes base_memory_for(Bytes wanted, bool kvm);

// In QEMU's key=value lists a comma ends a value, a doubled one stands for itself.
std::string escape_commas(std::string_view value);

}  // namespace neonvm::qemu
