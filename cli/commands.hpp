// The table of commands. commands_host.cpp has every one; commands_guest.cpp, in the static guest build, its own few.
#pragma once

#include <vector>

#include "cli/options.hpp"

namespace neonvm::cli {

std::vector<Command> all_commands();

}  // namespace neonvm::cli
