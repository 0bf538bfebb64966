// scale_swap: another size of swap for a VM, now and from its next start on.
//
// Called by neonvm scale. Blocks until the guest has it or `limit` is over. Failure: refused, with how much memory is missing
// when what is in use would not fit; the wish stays in the VM's spec.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace neonvm::cli {

struct SwapWish {
  std::string vm, size;
  Duration limit{};
  bool no_wait = false;
};

Result<int> scale_swap(Context& context, const SwapWish& wish);

}  // namespace neonvm::cli
