// watch_metrics: how a World's watches fare, under upstream's names for the agent's and the scheduler's.
#pragma once

#include <memory>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/world.hpp"

namespace neonvm::daemon {

// Until what is returned is destroyed; the world outlives that. part: scheduler or agent, whose names differ.
[[nodiscard]] std::shared_ptr<void> tell_watches(runtime::MetricsRegistry& metrics, const World& world, MetricPart part);

}  // namespace neonvm::daemon
