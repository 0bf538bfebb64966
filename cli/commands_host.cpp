#include "cli/commands_host.hpp"

#include "cli/commands.hpp"

namespace neonvm::cli {

std::vector<Command> all_commands() {
  return {run_command(),      list_command(),       get_command(),     describe_command(), scale_command(),
          migrate_command(),  start_command(),      stop_command(),    delete_command(),   apply_command(),
          logs_command(),     console_command(),    exec_command(),    ssh_command(),     cp_command(),       top_command(),
          disk_command(),     secret_command(),     configmap_command(),
          record_command(),   explain_command(),  events_command(),     metrics_command(),
          serve_command(),    controller_command(), scheduler_command(), agent_command(),    dump_command(),
          overlay_command(),  pod_network_command(), runner_command(),
          build_command(),    image_command(),    nodes_command(),
          simulate_command(), plugins_command(),  doctor_command(),
          config_command(),   crd_command(),        completion_command(), version_command()};
}

}  // namespace neonvm::cli
