// The table of commands of the static guest program.
#include "cli/commands_guest.hpp"

#include "cli/commands.hpp"
#include "guest/init/init.hpp"

namespace neonvm::cli {

Command init_command() {
  return {"init", "Guest", "PID 1 of the default guest (the kernel starts it as /init)",
          [](Options&) { return [](Context&) -> Result<int> { return guest::run_init(); }; }};
}

std::vector<Command> all_commands() {
  return {monitor_command(), init_command(), load_command(), ssh_server_command(), postgres_hook_command()};
}

}  // namespace neonvm::cli
