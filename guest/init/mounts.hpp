// mounts: the file systems of the kernel that every program expects.
//
// Called by guest/init. Failure: said for each on standard error; a mount that is there already is fine.
#pragma once

namespace neonvm::guest {

// /proc, /sys, /dev, /dev/pts, /dev/shm, /run, /tmp, /sys/fs/cgroup.
void mount_kernel_file_systems();

}  // namespace neonvm::guest
