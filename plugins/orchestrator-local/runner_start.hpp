// start_runner: from a wish to a process, so that a crash at any point leaves either a process that its object leads
// to, or an object that says that there is none.
#pragma once

#include <string>
#include <vector>

#include "plugins/orchestrator-local/run_dir.hpp"
#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {

// A machine that names no run directory gets a new one; paths in it that are empty (guest_socket, console_socket,
// console_log) are filled in. The stored object has the spec so completed: a successor is started with that spec.
// failed_precondition: another runner still holds that run directory.
Result<Object> start_runner(Store& store, const Home& home, const std::vector<std::string>& command, Object runner,
                            Deadline deadline);

}  // namespace neonvm::local
