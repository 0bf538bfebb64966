// child_program: runs one program to its end, with a deadline, and gives what it said. Any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

struct ChildEnd {
  bool ended_well = false;
  std::string how;        // "exit code 3", "killed by signal 9", "no answer in time"
  std::string output;     // at most 1 MiB
  std::string complaint;  // the end of standard error, one line, fit for a terminal
};

// command: a path, or a name for PATH. Its standard input is empty; env is added to ours. After the deadline it and its
// children are killed. Error: it could not be started.
Result<ChildEnd> run_child(const std::string& command, const std::vector<std::string>& args,
                           const std::map<std::string, std::string>& env, Deadline deadline);

}  // namespace neonvm::k8s
