// builtin_plugins: the plugins that are linked into this program.
//
// Implemented by a file that CMake writes from the targets marked BUILTIN (cmake/NeonvmPlugin.cmake); handed to the
// Catalog by cli. Constant.
#pragma once

#include <span>

#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

std::span<const neonvm_plugin_getter> builtin_plugins();

}  // namespace neonvm::plugin
