// Private to wire: what validate() finds wrong, over trees that were read already.
#pragma once

#include <string>
#include <vector>

#include "core/wire/json.hpp"

namespace neonvm::wire {

using FaultLines = std::vector<std::string>;

// Everything that is wrong with a VirtualMachine.
FaultLines faults_of_vm(const Json& object);
// What may not change from `before` to `after`.
FaultLines frozen_in_vm(const Json& before, const Json& after);
FaultLines frozen_in_migration(const Json& before, const Json& after);
// Fields that upstream has and nothing here acts on.
FaultLines idle_fields_of_vm(const Json& object);

// The member there, or null.
const Json& part(const Json& object, const char* key);

}  // namespace neonvm::wire
