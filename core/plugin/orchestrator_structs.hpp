// orchestrator_structs: the enums of the orchestrator door as the ABI's numbers, and back.
//
// Called by the orchestrator proxy and the SDK. Pure. The model's enums may be reordered, the ABI's numbers may not:
// so they are mapped, not cast. Failure: an unknown number is invalid_argument.
#pragma once

#include "core/model/object.hpp"
#include "core/model/result.hpp"
#include "core/ports/orchestrator.hpp"

namespace neonvm::plugin {

std::int32_t to_number(Kind kind);
Result<Kind> kind_from_number(std::int32_t number);
std::int32_t to_number(ChangeKind kind);
Result<ChangeKind> change_from_number(std::int32_t number);

}  // namespace neonvm::plugin
