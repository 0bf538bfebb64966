// spec.overcommit of a VirtualMachine: read by the scheduler alone, and kept by everybody else.
#pragma once

#include <string_view>

#include "core/model/overcommit.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

// Of the text of a VM's spec: {"overcommit": {"cpu": QUANTITY, "memory": QUANTITY}}, where 2, "2" and "2000m" are one factor. Without
// it: 1. Below 1 it is read as it stands, and whoever counts takes it for 1. Failure: invalid_argument with the field.
Result<Overcommit> decode_overcommit(std::string_view vm_spec);

}  // namespace neonvm::wire
