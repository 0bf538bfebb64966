// Small files, read and written whole; and errno as an Error.
//
// Called by the rest of this plugin. write_file replaces in one step (rename): a reader sees the old text or the new
// one. Failure: an Error that names the path.
#pragma once

#include <string>

#include "core/model/result.hpp"

namespace neonvm::local {

// "what /path: No space left on device", with the Code that errno stands for.
Error system_error(const std::string& what, const std::string& path, int number);

// not_found: there is no such file. At most 1 MiB.
Result<std::string> read_file(const std::string& path);
Status write_file(const std::string& path, const std::string& text);  // mode 0600
Status make_directories(const std::string& path);                     // missing ones 0700

}  // namespace neonvm::local
