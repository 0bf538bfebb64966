// built_root: makes the root of a disk that `neonvm build` made ready to be lived in: an ext4 grows to its disk, a
// read-only root gets a writable overlay, and /dev the links that programs in containers expect.
//
// Called by PID 1 when it is on that root, kernel file systems mounted. Kernel command line: neonvm.overlay=/dev/vdb keeps what
// is written on that ext4; without it a read-only root's changes live in memory. Failure: said; the next step is taken.
#pragma once

#include "guest/kernel_cmdline.hpp"

namespace neonvm::guest {

void settle_built_root(const KernelCmdline& cmdline);

}  // namespace neonvm::guest
