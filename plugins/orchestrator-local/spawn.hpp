// spawn: starts a runner's process so that it outlives us, and so that no crash can lose track of it.
//
// The child has a session of its own, no descriptor of ours, default signals, /dev/null as stdin and a log file as
// stdout and stderr. It writes its pid file itself before its program begins: whoever holds the run directory's spawn
// lock finds there either nothing (no runner began, none will) or the runner. Called with that lock held.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-local/process.hpp"

namespace neonvm::local {

struct SpawnOrder {
  std::vector<std::string> command;  // command[0]: a path, or a name to be found in PATH
  std::string pid_file;
  std::string pid_file_rest;  // what follows pid and start time
  std::string log_file;       // appended to; put aside as <log_file>.1 when it has grown beyond 8 MiB
};

// The child's process, once its program runs. An error means that there is none, but for deadline_exceeded.
Result<ProcessId> spawn(const SpawnOrder& order, Deadline deadline);

}  // namespace neonvm::local
