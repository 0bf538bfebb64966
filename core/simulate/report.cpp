#include "core/simulate/report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/simulate/report_page.hpp"

namespace neonvm::simulate {
namespace {

using Json = nlohmann::ordered_json;

double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }
double rounded(double x) { return std::isfinite(x) ? std::round(x * 1e6) / 1e6 : 0; }

Json figures_json(const RunResult& r) {
  const ReportFigures f = figures_of(r);
  Json j;
  j["vms"] = r.vms;
  j["vmHours"] = rounded(r.total.alive / 3600);
  j["steps"] = r.total.steps;
  j["cpuSlack"] = rounded(f.cpu_slack);
  j["memorySlack"] = rounded(f.memory_slack);
  j["throttledCoreSeconds"] = rounded(f.throttled_core_seconds);
  j["throttledShare"] = rounded(f.throttled_share);
  j["oomKills"] = r.total.oom_kills;
  j["resizes"] = r.total.resizes;
  j["resizesPerVmHour"] = rounded(f.resizes_per_hour);
  j["turnsPerVmHour"] = rounded(f.turns_per_hour);
  j["waitP50Seconds"] = rounded(f.wait_p50);
  j["waitP99Seconds"] = rounded(f.wait_p99);
  j["migrations"] = r.total.migrations;
  j["failedMigrations"] = r.total.failed_migrations;
  j["migrationDowntimeSeconds"] = rounded(r.total.downtime);
  j["inPlaceShare"] = rounded(f.in_place_share);
  j["cuHours"] = rounded(f.unit_hours);
  j["fixedCuHours"] = rounded(f.fixed_unit_hours);
  j["oracleCuHours"] = rounded(f.oracle_unit_hours);
  j["costOfFixed"] = rounded(f.cost_of_fixed);
  j["costOfOracle"] = rounded(f.cost_of_oracle);
  j["refusals"] = r.total.refusals;
  j["denials"] = r.total.denials;
  j["neverPlaced"] = r.never_placed;
  j["waitedForPlaceSeconds"] = rounded(r.waited_for_place);
  j["policyErrors"] = r.total.policy_errors;
  if (!r.policy_error.empty()) j["policyError"] = r.policy_error;
  char digest[20];
  std::snprintf(digest, sizeof digest, "%016llx", static_cast<unsigned long long>(r.digest));
  j["digest"] = digest;
  return j;
}

Json timeline_json(const Timeline& timeline) {
  Json all = Json::array();
  for (const TimePoint& p : timeline.points()) {
    all.push_back({rounded(p.at), rounded(p.cpu_granted), rounded(p.cpu_needed), std::round(p.memory_granted),
                   std::round(p.memory_needed), rounded(p.vms)});
  }
  return all;
}

Json whole(const std::vector<NamedResult>& worlds) {
  Json j;
  j["schema"] = 1;
  bool complete = true;
  double seconds = 0;
  for (const NamedResult& w : worlds) complete = complete && w.result.complete, seconds = std::max(seconds, w.result.simulated);
  j["complete"] = complete;
  j["seconds"] = seconds;
  j["worlds"] = Json::array();
  for (const NamedResult& w : worlds) {
    j["worlds"].push_back({{"name", w.name},
                           {"figures", figures_json(w.result)},
                           {"timelineColumns", {"second", "cpuGranted", "cpuNeeded", "memoryGranted", "memoryNeeded", "vms"}},
                           {"timeline", timeline_json(w.result.timeline)}});
  }
  return j;
}

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string escaped(std::string text) {
  replace_all(text, "&", "&amp;");
  replace_all(text, "<", "&lt;");
  replace_all(text, "\"", "&quot;");
  return text;
}

}  // namespace

ReportFigures figures_of(const RunResult& r) {
  const VmStatistics& t = r.total;
  const double hours = t.alive / 3600;
  ReportFigures f;
  f.cpu_slack = 1 - share_of(std::min(t.cpu_needed, t.cpu_granted), t.cpu_granted);
  f.memory_slack = 1 - share_of(std::min(t.memory_needed, t.memory_granted), t.memory_granted);
  f.throttled_core_seconds = t.throttled;
  f.throttled_share = share_of(t.throttled, t.cpu_used + t.throttled);
  f.oom_kills = static_cast<double>(t.oom_kills);
  f.resizes_per_hour = share_of(static_cast<double>(t.resizes), hours);
  f.turns_per_hour = share_of(static_cast<double>(t.turns), hours);
  f.wait_p50 = r.waits.percentile(0.5);
  f.wait_p99 = r.waits.percentile(0.99);
  f.migrations = static_cast<double>(t.migrations);
  f.failed_migrations = static_cast<double>(t.failed_migrations);
  f.in_place_share = t.grows == 0 ? 1 : 1 - share_of(static_cast<double>(t.grows_by_move), static_cast<double>(t.grows));
  f.unit_hours = t.units / 3600;
  f.fixed_unit_hours = r.fixed_units / 3600;
  f.oracle_unit_hours = t.oracle_units / 3600;
  f.cost_of_fixed = share_of(t.units, r.fixed_units);
  f.cost_of_oracle = share_of(t.units, t.oracle_units);
  return f;
}

std::string report_json(const std::vector<NamedResult>& worlds) { return dumped(whole(worlds)); }

std::string report_html(const std::vector<NamedResult>& worlds, const std::string& title) {
  std::string data = dumped(whole(worlds));
  replace_all(data, "<", "\\u003c");   // no "</script>" out of a name
  std::string page = report_page;
  replace_all(page, "@TITLE@", escaped(title));
  const std::size_t at = page.find("@DATA@");
  page.replace(at, 6, data);
  return page;
}

}  // namespace neonvm::simulate
