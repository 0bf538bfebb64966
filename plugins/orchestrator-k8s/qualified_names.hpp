// qualified_names: names of objects of many namespaces, "NAMESPACE/NAME", and back to a namespace's own. Pure.
//
// For a door that sees all namespaces (cluster_orchestrator). What objects say of each other is renamed with them: a
// migration's VM, a VM's runner, a runner's VM. Nodes have no namespace and keep their names.
#pragma once

#include <string>
#include <utility>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

// {"prod", "web"} of "prod/web". invalid_argument: not of that form.
Result<std::pair<std::string, std::string>> split_name(const std::string& qualified);

Object qualified(Object object);
// Its ns is that of its name.
Result<Object> plain(Object object);

}  // namespace neonvm::k8s
