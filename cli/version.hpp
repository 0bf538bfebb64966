// What this program is called and which one it is.
#pragma once

#include <string>

namespace neonvm::cli {

const char* version();       // "0.1.0"
std::string version_line();  // "neonvm 0.1.0"

}  // namespace neonvm::cli
