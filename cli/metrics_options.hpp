// metrics_options: --metrics and what belongs to it, the same for every process of the control plane.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "cli/options.hpp"
#include "core/daemon/metrics_server.hpp"

namespace neonvm::cli {

struct MetricsOptions {
  std::string endpoint, token, certificates;
  bool anybody = false;
};

void add_metrics_options(Options& o, MetricsOptions& options);
// None: nobody asked for one. Errors name the option.
Result<std::unique_ptr<daemon::MetricsServer>> open_metrics_server(runtime::Loop& loop, const runtime::MetricsRegistry& metrics,
                                                                   const Config& config, const MetricsOptions& options);

}  // namespace neonvm::cli
