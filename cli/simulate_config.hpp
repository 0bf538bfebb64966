// SimulateConfig: a cluster file: nodes, VMs with their workloads, policies to compare.
//
//   duration = "24h"
//   policies = ["default", "pressure"]
//   [[node]]
//   name = "node"
//   count = 4
//   cpu = "64"
//   memory = "256Gi"
//   [[vm]]
//   name = "shop"
//   count = 20
//   min = {cpu = "250m", memory = "1Gi"}
//   max = {cpu = "4", memory = "16Gi"}
//   generator = "diurnal"            # or: trace = "usage.csv.gz", format = "azure"
//   cpu = [0.1, 3]
//   memory = ["512Mi", "6Gi"]
//
// Read by cli/simulate. Failure: every mistake with file, line and column; unknown keys are mistakes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/simulate/generators.hpp"
#include "core/simulate/trace.hpp"
#include "core/simulate/world.hpp"

namespace neonvm::cli {

// How the VMs of one [[vm]] get their demand.
struct Workload {
  simulate::GeneratorSpec generator;
  std::vector<std::string> traces;             // files; empty: the generator
  simulate::TraceOptions trace_options;
  std::shared_ptr<const simulate::Trace> trace;
};

struct SimulateConfig {
  double duration = 0;                         // seconds; 0: as long as the traces, or a day
  simulate::Settings settings;
  std::vector<std::string> policies;           // "pressure,calm=30"
  simulate::ClusterPlan cluster;
  std::vector<Workload> workloads;
  struct Origin {
    std::size_t workload = 0, track = 0;
  };
  std::vector<Origin> origins;                 // of each VM of the cluster
};

Result<SimulateConfig> load_simulate_config(const std::string& path);
// A cluster for traces alone: every VM from `min`, which it begins with, to `max`, on nodes that hold them all.
Result<SimulateConfig> cluster_for_traces(const std::vector<std::string>& files, const simulate::TraceOptions& options,
                                          const Resources& min, const Resources& max);

// "90", "90s", "5m", "24h", "7d": seconds.
Result<double> parse_seconds(const std::string& text);
simulate::SourceFactory sources_of(const SimulateConfig& config);

}  // namespace neonvm::cli
