// What the last try of QEMU with KVM showed, kept until the machine boots again.
//
// A KVM that lets QEMU hang costs the whole patience of the try, seconds, and every VM that starts would pay them. Kept
// in $XDG_CACHE_HOME/neonvm/kvm (or ~/.cache/neonvm/kvm), for its user only. A bad verdict may have come from a loaded
// machine and is believed for an hour; `neonvm doctor` always tries again. Threads: any; processes: any, the last writer
// wins. Failure: what cannot be read or written is as if it was not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/model/machine.hpp"
#include "core/ports/hypervisor.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

// What a verdict depends on: this boot, this QEMU file, its CPU and machine type. "" when that cannot be told.
std::string kvm_circumstances(const Settings& settings);

// now_seconds: since 1970, as for the file's time.
std::optional<Capability> remembered_kvm(const std::string& circumstances, std::int64_t now_seconds);
void remember_kvm(const std::string& circumstances, const Capability& verdict);

}  // namespace neonvm::qemu
