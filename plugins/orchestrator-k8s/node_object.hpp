// node_object: a Kubernetes Node as ours. Pure.
//
// Capacity is what the node may give to pods (allocatable); a node that is cordoned or not Ready takes no VMs. The
// watermark is an annotation, 0.9 without it. Its status (NodeStatus) has its addresses of type InternalIP.
#pragma once

#include <string_view>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

Result<Object> node_object(std::string_view json);

}  // namespace neonvm::k8s
