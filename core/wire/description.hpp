// What `neonvm describe -o json` prints: the object as it is stored, and what is known of the running VM beside it.
//
// Called by cli/describe. Pure; cannot fail.
#pragma once

#include <optional>
#include <string>

#include "core/model/memory_plan.hpp"
#include "core/model/object.hpp"

namespace neonvm::wire {

// {"vm":{…},"memoryPlan":{…}}; sizes of the plan are numbers of bytes.
std::string encode_description(const Object& vm, const std::optional<MemoryPlan>& plan, int indent = -1);

}  // namespace neonvm::wire
