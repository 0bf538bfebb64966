// Settings: what can be configured of this plugin. Read once, when it is opened.
//
// JSON, every member optional: {"binary":"qemu-system-x86_64","qemuImg":"qemu-img","machineType":"pc-q35-7.2",
// "cpu":"","memoryBackend":"ram"|"memfd","owner":"process"|"libvirt","libvirtUri":"qemu:///session",
// "migrationStallSeconds":10,"migrationDowntimeMs":300}. Unknown members are errors that name them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::qemu {

enum class Owner { process, libvirt };

struct Settings {
  std::string binary = "qemu-system-x86_64";  // a name is looked for in PATH
  std::string qemu_img = "qemu-img";
  std::string machine_type;                   // empty: the newest q35 of the binary
  std::string cpu;                            // empty: "host" with KVM, "max" under TCG
  std::string memory_backend = "ram";
  Owner owner = Owner::process;
  std::string libvirt_uri = "qemu:///session";
  Duration migration_stall = std::chrono::seconds(10);  // a copy that stands still for so long is given up
  std::uint32_t migration_downtime_ms = 300;
};

Result<Settings> parse_settings(std::string_view json);  // "": all defaults

// As the host gives them: one setting "json" with that object, or the object's members as settings of their own.
Result<Settings> read_settings(const std::map<std::string, std::string>& given);

}  // namespace neonvm::qemu
