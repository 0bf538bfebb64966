#include "core/plugin/plugin_sdk.hpp"

#include "plugins/orchestrator-k8s/cluster_orchestrator.hpp"

namespace neonvm::k8s {
namespace {

// One namespace, or all of them.
struct Entry {
  static Result<std::unique_ptr<Orchestrator>> open(const plugin::Options& options) {
    auto settings = read_settings(options.settings);
    if (!settings) return settings.error();
    auto access = find_access(*settings);
    if (!access) return access.error();
    const auto warn = [host = options.host](const std::string& text) { host.log(plugin::Host::Level::warning, text); };
    if (settings->ns == all_namespaces) return as_door(ClusterOrchestrator::open(std::move(*access), settings->pod, warn));
    return as_door(K8sOrchestrator::open(std::move(*access), settings->pod, warn));
  }

  template <typename Door>
  static Result<std::unique_ptr<Orchestrator>> as_door(Result<std::unique_ptr<Door>> door) {
    if (!door) return door.error();
    return std::unique_ptr<Orchestrator>(std::move(*door));
  }
};

}  // namespace
}  // namespace neonvm::k8s

NEONVM_PLUGIN(k8s, orchestrator, neonvm::k8s::Entry);
