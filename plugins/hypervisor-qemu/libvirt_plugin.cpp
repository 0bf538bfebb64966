// The plugin "libvirt": the same as "qemu", with QEMUs that libvirt owns. A library of its own, because libvirt is large.
#include "core/plugin/plugin_sdk.hpp"
#include "plugins/hypervisor-qemu/launcher_libvirt.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"

namespace neonvm::qemu {

class LibvirtPlugin final : public QemuHypervisor {
 public:
  using QemuHypervisor::QemuHypervisor;

  static Result<std::unique_ptr<LibvirtPlugin>> open(const plugin::Options& options) {
    auto settings = read_settings(options.settings);
    if (!settings) return settings.error();
    auto launcher = make_libvirt_launcher(*settings);
    return std::make_unique<LibvirtPlugin>(std::move(*settings), std::move(launcher));
  }
};

}  // namespace neonvm::qemu

NEONVM_PLUGIN(libvirt, hypervisor, neonvm::qemu::LibvirtPlugin);
