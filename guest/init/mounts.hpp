// mounts: the file systems of the kernel that every program expects, and taking the real ones down at the end.
//
// Called by guest/init. Failure: said for each on standard error; a mount that is there already is fine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neonvm::guest {

// /proc, /sys, /dev, /dev/pts, /dev/shm, /run, /tmp, /sys/fs/cgroup.
void mount_kernel_file_systems();

// Mount points on real storage in /proc/mounts' text, deepest first. Pure.
std::vector<std::string> storage_mounts(std::string_view proc_mounts);
// Unmounts them, or makes them read-only when they are in use, so that a power-off loses nothing.
void leave_storage();

}  // namespace neonvm::guest
