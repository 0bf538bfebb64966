// JSON of a node's status: {"addresses":["10.0.0.7","fd00::7"]}. Strict, and canonical as model_json.hpp says.
//
// Called by orchestrators that know their nodes' addresses and by daemon/overlay. Pure, any thread. A node without a status has none.
#pragma once

#include <string>
#include <string_view>

#include "core/model/node_status.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

Result<NodeStatus> decode_node_status(std::string_view json);
std::string encode(const NodeStatus& status);

}  // namespace neonvm::wire
