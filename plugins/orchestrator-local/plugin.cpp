#include "core/plugin/plugin_sdk.hpp"

#include "plugins/orchestrator-local/local_orchestrator.hpp"

namespace neonvm::local {

Result<std::unique_ptr<LocalOrchestrator>> LocalOrchestrator::open(const plugin::Options& options) {
  auto settings = read_settings(options.settings);
  if (!settings) return settings.error();
  return open(*settings, system_clock());
}

}  // namespace neonvm::local

NEONVM_PLUGIN(local, orchestrator, neonvm::local::LocalOrchestrator);
