// RunnerReach: how a command gets to a VM's runner: its endpoint, and beyond a Unix socket what opens that door.
//
// A value; made by runner_reach(). All of it blocks until its deadline, and credentials() asks whoever keeps the secrets (the
// orchestrator). Failure: unavailable when nobody listens there; what the orchestrator says of the secrets.
#pragma once

#include <memory>
#include <string>

#include "core/daemon/runner_link.hpp"
#include "core/model/result.hpp"
#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

struct RunnerReach {
  std::string endpoint;
  daemon::RunnerCredentials credentials;  // none: a Unix socket

  [[nodiscard]] Result<std::unique_ptr<runtime::BlockingChannel>> open(const std::string& path, Deadline deadline) const;
  [[nodiscard]] Result<runtime::HttpResponse> get(const std::string& target, Deadline deadline) const;
};

}  // namespace neonvm::cli
