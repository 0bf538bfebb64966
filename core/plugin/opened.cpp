#include "core/plugin/opened.hpp"

#include "core/plugin/descriptor_check.hpp"

namespace neonvm::plugin {

Opened::Opened(const neonvm_plugin_descriptor& descriptor, const HostServices& services)
    : descriptor_(descriptor),
      place_(std::string(kind_name(descriptor.kind)) + " " + descriptor.name),
      host_(services, place_) {}

Result<std::shared_ptr<Opened>> Opened::open(const neonvm_plugin_descriptor& descriptor, const Settings& settings,
                                             const HostServices& services) {
  const std::shared_ptr<Opened> opened(new Opened(descriptor, services));
  std::vector<neonvm_option> options;
  for (const auto& [name, value] : settings) options.push_back({to_text(name), to_text(value)});
  const neonvm_open_args args{sizeof args, opened->host_.table(), options.data(), options.size()};
  const Status status = opened->call([&](neonvm_error* error) {
    return descriptor.open(&args, &opened->handle_, error);
  });
  // A refusal to open names no plugin by itself, and the user may have several.
  if (!status) return status.error().code == Code::internal ? status.error() : status.error().at(opened->place_);
  opened->open_ = true;
  return opened;
}

Opened::~Opened() {
  if (open_) descriptor_.close(handle_);
}

}  // namespace neonvm::plugin
