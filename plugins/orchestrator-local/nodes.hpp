// The local nodes as objects: made to be what the settings say whenever a supervisor opens the home.
#pragma once

#include <vector>

#include "core/model/node.hpp"
#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {

// A node that is no longer wanted goes, or, while runners are on it, takes no more VMs.
Status keep_nodes(Store& store, const std::vector<Node>& wanted, Deadline deadline);

}  // namespace neonvm::local
