// The finalizer by which the controller holds an object until it has cleaned up, as Kubernetes stores it.
#pragma once

namespace neonvm {

constexpr const char* our_finalizer = "vm.neon.tech/finalizer";

}  // namespace neonvm
