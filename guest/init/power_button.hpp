// PowerButton: the ACPI power button as an input device (QEMU's system_powerdown), without acpid.
//
// Called by guest/init. Threads: PID 1's only one. Failure: no such device (its modules are missing) is a guest that can
// be powered off by its monitor only; said by the caller.
#pragma once

#include <string>
#include <vector>

#include "guest/file_text.hpp"

namespace neonvm::guest {

class PowerButton {
 public:
  // Every input device that has a power key.
  void open(const std::string& folder = "/dev/input");
  [[nodiscard]] const std::vector<Fd>& devices() const { return devices_; }
  // Reads what has come; true if the key went down.
  [[nodiscard]] bool pressed() const;

 private:
  std::vector<Fd> devices_;
};

}  // namespace neonvm::guest
