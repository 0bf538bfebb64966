// vm_metrics: one VM of a node as upstream's agent tells of it (autoscaling.md 9.2), read off when somebody asks.
#pragma once

#include <optional>
#include <vector>

#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

constexpr const char* endpoint_label = "neon/endpoint-id";
constexpr const char* project_label = "neon/project-id";

// wish: what its policy wished last, in whatever size; unit: of the agent.
void collect_vm(const Object& vm, const VmSpec& spec, const VmStatus& status, const std::optional<Resources>& wish, const Resources& unit,
                std::vector<runtime::MetricSample>& out);
// How many of these units hold that much; the larger of CPU and memory.
double units_in(const Resources& size, const Resources& unit);

}  // namespace neonvm::daemon
