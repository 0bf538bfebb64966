// daemon_process: what the daemons' processes have in common: their log, their name among replicas, how many threads wait.
#pragma once

#include <string>

#include "cli/context.hpp"

namespace neonvm::cli {

// Calls of a store on this disk are over at once; those of a server elsewhere are waited for, by a thread each.
constexpr unsigned desk_workers = 4, waiting_workers = 16;
constexpr int lost_the_lead = 75;  // of the loop, never of the process

// Unlike any other process's, and telling people which it is.
std::string own_name();
Status open_daemon_log(const Context& context, const Config& config);

}  // namespace neonvm::cli
