// resources: where the API server keeps each kind of object. Pure.
#pragma once

#include <string>

#include "core/model/object.hpp"
#include "core/model/pod_layout.hpp"

namespace neonvm::k8s {

// Of a runner's pod; its value is the name of the VM.
using pod::vm_name_label;
// Of a VM: the node it is on.
constexpr const char* node_label = "neonvm.dev/node";

// "/apis/vm.neon.tech/v1/namespaces/default/virtualmachines"; nodes have no namespace.
std::string collection_path(Kind kind, const std::string& ns);
std::string object_path(Kind kind, const std::string& ns, const std::string& name);
std::string events_path(const std::string& ns);
std::string secret_path(const std::string& ns, const std::string& name); // likewise
std::string lease_path(const std::string& ns, const std::string& name);  // "" for the collection
// What belongs to neonvm in that collection, as a labelSelector; empty: all. node: only what is there.
std::string selector_of(Kind kind, const std::string& node = "");
// The same as a fieldSelector: neighbours are pods that have a node and have not ended.
std::string field_selector_of(Kind kind, const std::string& node = "");

}  // namespace neonvm::k8s
