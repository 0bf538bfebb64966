// runner_request: one request to a VM's runner, and its answer.
//
// Called by commands. Blocks until its deadline. Failure: unavailable when nobody listens there; what the runner refuses is
// an Error with its words.
#pragma once

#include "cli/runner_reach.hpp"
#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::cli {

Status runner_request(const RunnerReach& runner, const wire::RunnerBody& body, Duration limit);

}  // namespace neonvm::cli
