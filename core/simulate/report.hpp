// Report: what a simulation says to people and programs: figures per world, as JSON, and as one HTML page.
//
// Used by cli/simulate and tests. A world is one policy over one cluster; several are compared. The page holds all that
// it needs: no network, dark and light, any width.
#pragma once

#include <string>
#include <vector>

#include "core/simulate/world.hpp"

namespace neonvm::simulate {

struct NamedResult {
  std::string name;             // "default", "pressure with max_cpus=8"
  RunResult result;
};

struct ReportFigures {
  double cpu_slack = 0, memory_slack = 0;        // share of what was given and not needed
  double throttled_core_seconds = 0;
  double throttled_share = 0;                    // of the work that came in
  double oom_kills = 0;
  double resizes_per_hour = 0, turns_per_hour = 0;   // of one VM
  double wait_p50 = 0, wait_p99 = 0;             // seconds until a demand was satisfied
  double migrations = 0, failed_migrations = 0;
  double in_place_share = 1;                     // of the grows
  double unit_hours = 0, fixed_unit_hours = 0, oracle_unit_hours = 0;
  double cost_of_fixed = 0;                      // unit_hours / fixed_unit_hours
  double cost_of_oracle = 0;
};
ReportFigures figures_of(const RunResult& result);

// Schema 1: {"schema":1,"complete":true,"seconds":…,"worlds":[{"name":…,"figures":{…},"timeline":[…]}]}
std::string report_json(const std::vector<NamedResult>& worlds);
std::string report_html(const std::vector<NamedResult>& worlds, const std::string& title);

}  // namespace neonvm::simulate
