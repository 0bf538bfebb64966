// scheduler_reach: how a control plane's part gets to a scheduler in another process.
#pragma once

#include <string>

#include "core/daemon/scheduler_client.hpp"
#include "core/ports/orchestrator.hpp"

namespace neonvm::cli {

// text: unix:PATH, http://HOST:PORT (upstream's scheduler, which lets everybody in), or https://HOST:PORT, whose certificate and token are
// the orchestrator's to know. HOST is a name or an address. The orchestrator outlives what is returned. invalid_argument: none of these.
Result<daemon::FindScheduler> scheduler_reach(const std::string& text, Orchestrator& orchestrator);

}  // namespace neonvm::cli
