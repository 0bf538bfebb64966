// Every command of the host program: one function, one file each.
#pragma once

#include "cli/options.hpp"
#include "cli/vm_view.hpp"

namespace neonvm::cli {

Command run_command();
Command apply_command();
Command list_command();
Command get_command();
Command describe_command();
Command scale_command();
Command migrate_command();
Command start_command();
Command stop_command();
Command delete_command();
Command logs_command();
Command console_command();
Command exec_command();
Command ssh_command();
Command cp_command();
Command top_command();
Command record_command();
Command explain_command();
Command dump_command();
Command disk_command();
Command secret_command();
Command configmap_command();
Command events_command();
Command serve_command();
Command runner_command();
Command controller_command();
Command scheduler_command();
Command agent_command();
Command overlay_command();
Command pod_network_command();
Command build_command();
Command image_command();
Command nodes_command();
Command simulate_command();
Command plugins_command();
Command metrics_command();
Command doctor_command();
Command config_command();
Command completion_command();
Command crd_command();
Command version_command();

}  // namespace neonvm::cli
