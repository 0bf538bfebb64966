// One command or file transfer in a guest, over its runner's /v1/exec, with the guest's flow control.
//
// Blocking, for one thread. `source` gives bytes to send ("" at the end), `sink` takes what comes. Failure: the
// runner's or the guest's words; a command's own failure is no error but its exit code.
#pragma once

#include <functional>
#include <string>

#include "cli/runner_reach.hpp"
#include "core/model/result.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::cli {

struct GuestStreams {
  int input = -1;                                             // read when ready; -1: none
  std::function<bool(int stream, std::string_view)> output;   // 1 stdout, 2 stderr; false: cannot take it, give up
  bool forward_signals = false;                               // SIGINT and SIGTERM go to the command
};

Result<int> guest_session(const RunnerReach& runner, const wire::ExecRequest& request, const GuestStreams& streams);

}  // namespace neonvm::cli
