// library: loads a shared library and finds its plugin getter.
//
// Two siblings implement it: library_dlopen.cpp, and library_none.cpp for the static program in a guest. Called by the
// catalog. Any thread. Lifetime: a library is never unloaded, so that its descriptor, tables and code stay; loading the
// same path again gives the same library, also when the file was replaced meanwhile. Failure: an Error whose message is
// the reason that `neonvm plugins` shows.
#pragma once

#include <filesystem>

#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

// REQUIRES an absolute path. The file's constructors run here: check_plugin_file first.
Result<neonvm_plugin_getter> load_getter(const std::filesystem::path& path);

// May the code in this file be run? A regular file that only its owner and group can replace.
Status check_plugin_file(const std::filesystem::path& path);

}  // namespace neonvm::plugin
