#include "cli/version.hpp"

namespace neonvm::cli {

const char* version() { return NEONVM_VERSION; }
std::string version_line() { return std::string("neonvm ") + NEONVM_VERSION; }

}  // namespace neonvm::cli
