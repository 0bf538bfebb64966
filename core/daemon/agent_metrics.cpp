#include "core/daemon/agent_metrics.hpp"

#include <algorithm>

#include "core/daemon/metric_families.hpp"

namespace neonvm::daemon {

namespace {

const char* endpoint_of(const Resources& from, const Resources& to) {
  return fits_in(to, from) ? "DownscaleRequest" : "UpscaleNotification";
}

std::string error_label(Code code) { return std::string("[error: ") + to_string(code) + "]"; }

double in_mib(Bytes bytes) { return static_cast<double>(bytes.value) / static_cast<double>(mib); }

}  // namespace

const char* direction_of(const Resources& from, const Resources& to) {
  if (from == to) return "none";
  if (fits_in(to, from)) return "dec";
  return fits_in(from, to) ? "inc" : "both";
}

AgentMetrics::AgentMetrics(runtime::MetricsRegistry& metrics) : metrics_(metrics), looks_(metrics.counter(families::up_next_actions)) {}

void AgentMetrics::prepare() const {
  using namespace families;
  for (const char* direction : {"inc", "dec"}) {
    for (const Family* family : {&up_plugin_requested_cpu, &up_plugin_requested_memory, &up_plugin_accepted_cpu, &up_plugin_accepted_memory,
                                 &up_denials, &up_monitor_requested_cpu, &up_monitor_requested_memory, &up_monitor_approved_cpu,
                                 &up_monitor_approved_memory, &up_neonvm_requested_cpu, &up_neonvm_requested_memory})
      metrics_.counter(*family, {direction});
  }
  metrics_.counter(up_partial, {"inc"});
  metrics_.counter(up_runner_starts);
  metrics_.counter(up_next_actions);
}

void AgentMetrics::change(const Family& cpu, const Family& memory, const Resources& from, const Resources& to) const {
  if (to.cpu != from.cpu) metrics_.counter(cpu, {to.cpu > from.cpu ? "inc" : "dec"}).add(std::max(to.cpu - from.cpu, from.cpu - to.cpu).cpus());
  if (to.memory != from.memory)
    metrics_.counter(memory, {to.memory > from.memory ? "inc" : "dec"}).add(in_mib(std::max(to.memory - from.memory, from.memory - to.memory)));
}

void AgentMetrics::started() const { metrics_.counter(families::up_runner_starts).add(); }
void AgentMetrics::looked() const { looks_.add(); }

void AgentMetrics::permit_asked(const decide::AskPermit& deed) const {
  if (deed.last_permit) change(families::up_plugin_requested_cpu, families::up_plugin_requested_memory, *deed.last_permit, deed.wanted);
}

void AgentMetrics::permit_answered(const decide::AskPermit& deed, const Resources* permit, Code code) const {
  const char* status = code == Code::invalid_argument ? "400" : code == Code::not_found ? "404" : nullptr;
  metrics_.counter(families::up_plugin_requests, {permit != nullptr ? "200" : status != nullptr ? status : error_label(code)}).add();
  if (permit == nullptr || !deed.last_permit) return;
  change(families::up_plugin_accepted_cpu, families::up_plugin_accepted_memory, *deed.last_permit, *permit);
  if (fits_in(deed.wanted, *permit) || fits_in(deed.wanted, *deed.last_permit)) return;
  // A denial is no change at all.
  if (fits_in(*permit, *deed.last_permit)) metrics_.counter(families::up_denials, {"inc"}).add();
  else metrics_.counter(families::up_partial, {"inc"}).add();
}

void AgentMetrics::size_asked(const Resources& from, const Resources& to) const {
  change(families::up_neonvm_requested_cpu, families::up_neonvm_requested_memory, from, to);
}

void AgentMetrics::size_answered(const Status& answer) const {
  metrics_.counter(families::up_neonvm_requests, {answer ? "ok" : error_label(answer.error().code)}).add();
}

void AgentMetrics::guest_asked(const Resources& from, const Resources& to) const {
  change(families::up_monitor_requested_cpu, families::up_monitor_requested_memory, from, to);
}

void AgentMetrics::guest_agreed(const Resources& from, const Resources& to) const {
  metrics_.counter(families::up_monitor_out, {endpoint_of(from, to), "ok"}).add();
  change(families::up_monitor_approved_cpu, families::up_monitor_approved_memory, from, to);
}

void AgentMetrics::guest_refused(const Resources& from, const Resources& to) const {
  metrics_.counter(families::up_monitor_out, {endpoint_of(from, to), "ok"}).add();
  metrics_.counter(families::up_denials, {"dec"}).add();
}

void AgentMetrics::guest_failed(const Resources& from, const Resources& to, Code code) const {
  metrics_.counter(families::up_monitor_out, {endpoint_of(from, to), error_label(code)}).add();
}

void AgentMetrics::guest_wants() const { metrics_.counter(families::up_monitor_in, {"UpscaleRequest", "ok"}).add(); }

}  // namespace neonvm::daemon
