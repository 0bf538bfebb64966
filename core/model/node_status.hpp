// NodeStatus: what is known of a node as a machine, beside what it can give (Node). Stored as the status of Kind::node.
#pragma once

#include <string>
#include <vector>

namespace neonvm {

struct NodeStatus {
  std::vector<std::string> addresses;    // IP addresses by which other nodes reach it, the preferred one first

  friend bool operator==(const NodeStatus&, const NodeStatus&) = default;
};

}  // namespace neonvm
