#include "core/plugin/plugin_sdk.hpp"

#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"

namespace neonvm::k8s {

Result<std::unique_ptr<K8sOrchestrator>> K8sOrchestrator::open(const plugin::Options& options) {
  auto settings = read_settings(options.settings);
  if (!settings) return settings.error();
  auto access = find_access(*settings);
  if (!access) return access.error();
  return open(std::move(*access), settings->pod, [host = options.host](const std::string& text) {
    host.log(plugin::Host::Level::warning, text);
  });
}

}  // namespace neonvm::k8s

NEONVM_PLUGIN(k8s, orchestrator, neonvm::k8s::K8sOrchestrator);
