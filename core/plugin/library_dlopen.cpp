#include <dlfcn.h>

#include "core/plugin/library.hpp"

namespace neonvm::plugin {
namespace {

std::string last_failure() {
  const char* text = dlerror();
  return text == nullptr ? "unknown reason" : text;
}

}  // namespace

Result<neonvm_plugin_getter> load_getter(const std::filesystem::path& path) {
  // NOW: a missing symbol shows here and not in the middle of a migration. LOCAL: plugins do not see one another.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Error{Code::invalid_argument, "is not a library that can be loaded: " + last_failure()};
  }
  void* symbol = dlsym(library, NEONVM_PLUGIN_SYMBOL);
  if (symbol == nullptr) {
    return Error{Code::invalid_argument, "exports no " NEONVM_PLUGIN_SYMBOL ", so it is no neonvm plugin"};
  }
  // POSIX lets an object pointer of dlsym be a function's.
  return reinterpret_cast<neonvm_plugin_getter>(symbol);
}

}  // namespace neonvm::plugin
