// Private to wire: Pod (pod.hpp) <-> a tree that is read already, as a part of a larger document.
#pragma once

#include "core/wire/json.hpp"
#include "core/wire/pod.hpp"

namespace neonvm::wire {

Pod read_pod(const Json& json, const std::string& path, Faults& faults);
Json pod_tree(const Pod& pod);

}  // namespace neonvm::wire
