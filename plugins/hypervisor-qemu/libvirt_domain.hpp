// The domain that libvirt is asked to run for a machine, as XML.
//
// Used by launcher_libvirt. Pure. libvirt makes the board, the base memory and the sandbox; every device is passed
// through, so that a machine is the same to us whoever owns it, and libvirt shows the VM, confines it and counts it.
// Name and UUID belong to a run_dir and not to the VM: the two sides of a migration may live under one libvirt. The
// guest sees the UUID of its VM. Failure: that of command_line.hpp.
#pragma once

#include <string>

#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/command_line.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

std::string domain_name(const MachineSpec& spec);  // "neonvm-web-5f0c…"
Result<std::string> domain_xml(const MachineSpec& spec, const LaunchFacts& facts, const Settings& settings);

// For text and for values in single or double quotes.
std::string escape_xml(std::string_view text);

}  // namespace neonvm::qemu
