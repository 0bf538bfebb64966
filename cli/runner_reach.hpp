// RunnerReach: how a command gets to a VM's runner: its endpoint, and beyond a Unix socket what opens that door.
//
// A value; made by runner_reach(). credentials() blocks, and asks whoever keeps the secrets (the orchestrator).
#pragma once

#include <functional>
#include <string>

#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

struct RunnerReach {
  std::string endpoint;
  std::function<Result<runtime::HttpClientOptions>()> credentials;  // none: a Unix socket

  [[nodiscard]] Result<runtime::HttpClientOptions> client() const {
    return credentials ? credentials() : Result<runtime::HttpClientOptions>(runtime::HttpClientOptions{});
  }
};

}  // namespace neonvm::cli
