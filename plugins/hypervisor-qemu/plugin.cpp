// The plugin "qemu". It sits at the seam: settings in, the door out.
#include "core/plugin/plugin_sdk.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"

namespace neonvm::qemu {

class Plugin final : public QemuHypervisor {
 public:
  using QemuHypervisor::QemuHypervisor;

  static Result<std::unique_ptr<Plugin>> open(const plugin::Options& options) {
    auto settings = read_settings(options.settings);
    if (!settings) return settings.error();
    auto launcher = make_launcher(*settings);
    if (!launcher) return launcher.error();
    return std::make_unique<Plugin>(std::move(*settings), std::move(*launcher));
  }
};

}  // namespace neonvm::qemu

NEONVM_PLUGIN(qemu, hypervisor, neonvm::qemu::Plugin);
