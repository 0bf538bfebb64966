// guest_wait: when a VM that was started is what its owner counts on: its guest answers, its disks, files and swap are there,
// and its workload passes its check, if its image has one.
//
// Called by run and start. Blocks, telling progress. Failure: what could not be awaited in time stays as it was seen last: the
// VM runs, and the caller says what is missing.
#pragma once

#include "cli/vm_view.hpp"

namespace neonvm::cli {

// What is still missing until QEMU runs and, of the default guest, the monitor answers; "" when nothing is. For wait_for().
std::string running_and_answering(const VmView& vm);
void await_guest(Context& context, Duration limit, VmView& vm);

}  // namespace neonvm::cli
