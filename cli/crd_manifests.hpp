// The CustomResourceDefinitions of plugins/orchestrator-k8s/manifests/crd, as they stood when this program was built.
#pragma once

#include <string_view>

namespace neonvm::cli {

// YAML, each definition a document of its own. Lives as long as the program.
std::string_view crd_manifests();

}  // namespace neonvm::cli
