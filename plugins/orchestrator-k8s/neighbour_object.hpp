// neighbour_object: somebody else's pod as a Neighbour: its node and what it has reserved there. Pure.
#pragma once

#include <string_view>

#include "core/model/object.hpp"

namespace neonvm::k8s {

// A pod that has ended, or has no node, reserves nothing.
Result<Object> neighbour_object(std::string_view json);

}  // namespace neonvm::k8s
