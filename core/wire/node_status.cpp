#include "core/wire/node_status.hpp"

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<NodeStatus> auto& n) { v.field("addresses", n.addresses); }

Result<NodeStatus> decode_node_status(std::string_view json) { return read_text<NodeStatus>(json, Keys::strict); }
std::string encode(const NodeStatus& status) { return write_text(status); }

}  // namespace neonvm::wire
