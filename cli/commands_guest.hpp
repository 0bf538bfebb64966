// The commands of the static guest program, one file each.
#pragma once

#include "cli/options.hpp"

namespace neonvm::cli {

Command monitor_command();
Command init_command();
Command load_command();
Command ssh_server_command();
Command postgres_hook_command();

}  // namespace neonvm::cli
