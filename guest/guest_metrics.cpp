#include "guest/guest_metrics.hpp"

namespace neonvm::guest {

GuestMetrics::GuestMetrics() = default;

void GuestMetrics::set(const std::string& name, const std::string& help, double value, const runtime::Labels& labels) {
  if (is_known(value)) registry_.gauge(name, help, labels).set(value);
}

void GuestMetrics::set(const std::string& name, const std::string& help, Bytes value) {
  if (is_known(value)) registry_.gauge(name, help).set(static_cast<double>(value.value));
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
  set("neonvm_guest_cpus_online", "CPUs that run", sample.online_cpus);
  set("neonvm_guest_cpus_used", "CPUs' worth of work, over the last sample", sample.cpu_used);
  set("neonvm_guest_cpus_stolen", "CPUs' worth of time that the host did not give, over the last sample",
      sample.cpu_stolen);
  set("neonvm_guest_tasks_runnable", "Tasks that run or want to", sample.runnable);
  set("neonvm_guest_tasks_blocked", "Tasks that wait for I/O", sample.blocked);
  set("neonvm_guest_refaults_per_second", "Pages read back soon after they were dropped", sample.refaults);
  set("neonvm_guest_oom_kills", "Processes killed for want of memory since boot", static_cast<double>(sample.oom_kills));
  pressure("cpu", sample.cpu);
  pressure("memory", sample.memory);
  pressure("io", sample.io);
}

}  // namespace neonvm::guest
