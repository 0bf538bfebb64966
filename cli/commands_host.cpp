#include "cli/commands_host.hpp"

#include "cli/commands.hpp"

namespace neonvm::cli {

// The commands that need a control plane (run, scale, migrate, …) join this table together with `serve`.
std::vector<Command> all_commands() {
  return {list_command(),    get_command(),    describe_command(), events_command(),     logs_command(),
          runner_command(),  nodes_command(),  plugins_command(),  doctor_command(),     config_command(),
          completion_command(), version_command()};
}

}  // namespace neonvm::cli
