// workload_plan: what a disk that `neonvm build` made wants to be run (/neonvm/workload.json), as services.
//
// Pure but for reading the document. One thread. Failure: a document that cannot be read is said, and the guest goes on
// without a workload, so that it can be asked what is wrong.
#pragma once

#include <optional>
#include <vector>

#include "core/wire/workload.hpp"
#include "guest/init/service.hpp"

namespace neonvm::guest {

// This root was made by `neonvm build`.
bool on_built_disk();
std::optional<wire::Workload> read_workload();

// Entrypoint and command with the image's environment, owner, folder and stop signal. No words: nothing to run.
ServicePlan workload_service(const wire::Workload& workload);
// The spec's commands of one action, in their order; each run by /bin/sh.
std::vector<ServicePlan> command_services(const wire::Workload& workload, const std::string& action);
std::optional<ServicePlan> shutdown_hook(const wire::Workload& workload);

}  // namespace neonvm::guest
