// What the host has planned for this guest (core/model/guest_plan), as it is told in the firmware configuration device.
//
// Read by guest/init and guest/monitor. Blocking: some milliseconds. Failure: not_found when this machine has no plan,
// which is usual; else what is wrong with it.
#pragma once

#include <string>

#include "core/model/guest_plan.hpp"
#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::guest {

Result<GuestPlan> read_guest_plan();

// Where the files of a mount of kind `files` are kept, generation by generation; the mount shows them read-only.
constexpr const char* files_root = "/run/neonvm/files";
std::string files_folder(const std::string& name);

// "/dev/vdb": the disk with that serial number; waits for it at most `limit`.
Result<std::string> device_of(const std::string& serial, Duration limit);

}  // namespace neonvm::guest
