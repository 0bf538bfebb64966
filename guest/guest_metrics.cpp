#include "guest/guest_metrics.hpp"

#include <map>

namespace neonvm::guest {

GuestMetrics::GuestMetrics() = default;

void GuestMetrics::set(const std::string& name, const std::string& help, double value, const runtime::Labels& labels) {
  if (is_known(value)) registry_.gauge(name, help, labels).set(value);
}

void GuestMetrics::set(const std::string& name, const std::string& help, Bytes value) {
  if (is_known(value)) registry_.gauge(name, help).set(static_cast<double>(value.value));
}

void GuestMetrics::kind(const std::string& kind, Bytes value) {
  if (!is_known(value)) return;
  set("neonvm_guest_memory_kind_bytes", "Memory by what it is used for; the kinds overlap: shared memory is anonymous to the kernel",
      static_cast<double>(value.value), {{"kind", kind}});
}

void GuestMetrics::pressure(const std::string& resource, const Pressure& pressure) {
  const std::string help = "Share of time in which tasks waited for the resource, over the last sample";
  set("neonvm_guest_pressure", help, pressure.some, {{"resource", resource}, {"kind", "some"}});
  set("neonvm_guest_pressure", help, pressure.full, {{"resource", resource}, {"kind", "full"}});
}

void GuestMetrics::sampled(const GuestSample& sample) {
  set("host_load1", "Load average of one minute", sample.load1);
  set("host_load5", "Load average of five minutes", sample.load5);
  set("host_load15", "Load average of fifteen minutes", sample.load15);
  set("host_memory_total_bytes", "MemTotal", sample.memory_total);
  set("host_memory_available_bytes", "MemAvailable", sample.memory_available);
  set("host_memory_free_bytes", "MemFree", sample.memory_free);
  set("host_memory_cached_bytes", "Cached and Buffers", sample.memory_cached);
  set("host_memory_swap_total_bytes", "SwapTotal", sample.swap_total);
  set("host_memory_swap_free_bytes", "SwapFree", sample.swap_free);
  set("neonvm_guest_memory_anonymous_bytes", "AnonPages", sample.memory_anon);
  kind("anonymous", sample.memory_anon);
  kind("file", sample.memory_file);
  kind("shared", sample.memory_shmem);
  kind("slab_reclaimable", sample.slab_reclaimable);
  kind("slab_unreclaimable", sample.slab_unreclaimable);
  set("neonvm_guest_cpus_online", "CPUs that run", sample.online_cpus);
  set("neonvm_guest_cpus_used", "CPUs' worth of work, over the last sample", sample.cpu_used);
  set("neonvm_guest_cpus_stolen", "CPUs' worth of time that the host did not give, over the last sample",
      sample.cpu_stolen);
  set("neonvm_guest_tasks_runnable", "Tasks that run or want to", sample.runnable);
  set("neonvm_guest_tasks_blocked", "Tasks that wait for I/O", sample.blocked);
  set("neonvm_guest_refaults_per_second", "Pages read back soon after they were dropped", sample.refaults);
  set("neonvm_guest_swapped_in_per_second", "Pages read back from swap", sample.swapped_in);
  set("neonvm_guest_oom_kills", "Processes killed for want of memory since boot", static_cast<double>(sample.oom_kills));
  pressure("cpu", sample.cpu);
  pressure("memory", sample.memory);
  pressure("io", sample.io);
}

namespace {

constexpr const char* windows_name = "lfc_approximate_working_set_size_windows";

// Filled anew for each page: a hook may tell other metrics each time.
std::string page_of(std::span<const wire::HookMetric> metrics) {
  runtime::MetricsRegistry gauges, counters;
  std::map<std::string, const wire::HookMetric*> first;
  std::map<std::pair<std::string, runtime::Labels>, const wire::HookMetric*> last;
  for (const wire::HookMetric& metric : metrics) {
    const wire::HookMetric& head = *first.try_emplace(metric.name, &metric).first->second;
    if (head.type == metric.type) last[{metric.name, metric.labels}] = &metric;
  }
  for (const auto& [series, metric] : last) {
    const std::string& help = first.at(metric->name)->help;
    if (metric->type == wire::MetricType::gauge) gauges.gauge(metric->name, help, metric->labels).set(metric->value);
    if (metric->type == wire::MetricType::counter) counters.counter(metric->name, help, metric->labels).add(metric->value);
  }
  return gauges.text() + counters.text();
}

}  // namespace

std::string hook_metrics_text(std::span<const wire::HookMetric> metrics) { return page_of(metrics); }

std::string cache_metrics_text(std::span<const wire::HookMetric> metrics, std::span<const double> working_set_pages) {
  std::vector<wire::HookMetric> ours;
  for (const wire::HookMetric& metric : metrics) {
    if (metric.name.starts_with("lfc_") && metric.name != windows_name) ours.push_back(metric);
  }
  for (std::size_t i = 0; i < working_set_pages.size(); ++i) {
    ours.push_back({windows_name, wire::MetricType::gauge, "Pages of 8 KiB that were used within so many seconds",
                    {{"duration_seconds", std::to_string(60 * (i + 1))}}, working_set_pages[i]});
  }
  return page_of(ours);
}

}  // namespace neonvm::guest
