#include "core/plugin/library.hpp"

namespace neonvm::plugin {

Result<neonvm_plugin_getter> load_getter(const std::filesystem::path&) {
  return Error{Code::unsupported, "this static build of neonvm has only its built-in plugins"};
}

}  // namespace neonvm::plugin
