// root_switch: from the initramfs to a disk of the user's (root=/dev/vda), with our monitor running on beside its init.
//
// Called by guest/init. Failure: a Result; the initramfs is still whole then, and the caller goes on in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"
#include "guest/kernel_cmdline.hpp"

namespace neonvm::guest {

struct RootPlan {
  std::string device;
  std::string type;                 // empty: what the disk says
  bool read_only = false;
  std::vector<std::string> inits;   // tried in order
};

// Pure. Refused: a root= that is not a path of a device.
Result<RootPlan> plan_root(const KernelCmdline& cmdline);

// Waits until the device is there. Which file system it holds, by its first 2 KiB; empty: none that we know.
Status wait_for_root(const RootPlan& plan);
std::string file_system_in(std::string_view beginning);
std::string file_system_on(const std::string& device);

// Mounts the device, makes it "/", and removes the initramfs to give its memory back.
Status enter_root(const RootPlan& plan);
// Becomes the first of the inits that can be run; returns only if none can.
Status become_init(const RootPlan& plan);

}  // namespace neonvm::guest
