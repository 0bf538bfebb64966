// publish_file: puts a finished file where it is to be, at once or not at all, also across file systems.
#pragma once

#include <string>

#include "core/model/result.hpp"

namespace neonvm::builder {

// Moves `from` to `to`, replacing what is there. keep: `from` stays. A reader sees the old file or the whole new one; when we
// are killed nothing is left beside it. sync: the contents are on the disk before the name is.
Status publish_file(const std::string& from, const std::string& to, bool keep, bool sync);

}  // namespace neonvm::builder
