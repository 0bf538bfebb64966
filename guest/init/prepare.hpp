// prepare: what the host's plan wants to be ready before a workload or another init starts: sysctl, mounts, swap, files.
//
// Called by guest/init on the root that the workload will see. One thread. Failure: everything is tried; what could not be
// done is said, and answered where a workload must not start without it.
#pragma once

#include <string>
#include <vector>

#include "core/model/guest_plan.hpp"
#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::guest {

// None: this machine has no plan. One that cannot be read is said.
GuestPlan plan_of_this_machine();

// Memory for the files that the host will send; before the monitor starts, who fills it.
void make_file_folders(const GuestPlan& plan);

// Mounts, settings, swap. Answers what a workload would miss: "mount /data: …", one line each.
std::vector<std::string> prepare_guest(const GuestPlan& plan);

// Waits until the host has sent every file, at most `limit`. Says what is missing then.
void await_files(const GuestPlan& plan, Duration limit);

// A folder to mount on: made if it is not there; open with O_PATH. Symbolic links on the way count as for every program;
// refused is what the guest itself needs, wherever the way leads.
Result<int> open_mount_point(const std::string& path);

}  // namespace neonvm::guest
