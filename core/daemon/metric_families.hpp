// metric_families: everything that neonvm's processes tell Prometheus, by name, labels and meaning, in one table.
//
// Names without "neonvm_" are upstream's (reference: neonvm.md 2.10, autoscaling.md 9), with its labels and buckets; what of
// upstream's is left out, and why, stands in docs/reference/metrics.md. `neonvm metrics` prints the table; a test holds pages,
// dashboards and alert rules to it. Sizes are CPUs and bytes, but where upstream's name has another unit; durations seconds.
// Threads: constants. A family belongs to one part: the process that has several parts serves those of all.
#pragma once

#include <vector>

#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

enum class MetricPart { controller, scheduler, agent, runner, overlay };
const char* to_string(MetricPart part);

struct PartFamily {
  MetricPart part;
  const runtime::MetricFamily* family;
};
// Every one of them, in the order of the reference page.
const std::vector<PartFamily>& metric_families();

namespace families {
using runtime::MetricFamily;
// controller
extern const MetricFamily vms, reconcile_seconds, queue_length, webhook_faults, migrations, migration_seconds, migration_downtime;
extern const MetricFamily up_failing, up_created_to_runner, up_runner_to_running, up_created_to_running, up_restarts, up_reconcile_seconds;
extern const MetricFamily addresses, addresses_taken, up_ipam_ongoing, up_ipam_seconds;
// scheduler
extern const MetricFamily scheduler_ready, node_pinned;
extern const MetricFamily up_extension_calls, up_extension_fails, up_permit_requests, up_permit_results, up_k8s_ops, up_node_cpu, up_node_memory;
extern const MetricFamily up_plugin_watch_calls, up_plugin_watch_relists, up_plugin_watch_events, up_plugin_watch_errors, up_plugin_watch_alive, up_plugin_watch_failing;
extern const MetricFamily room_notes;
// agent
extern const MetricFamily vm_cpus, vm_memory, stage_seconds, way_up_stage_seconds, way_up_seconds, vm_policy_problem;
extern const MetricFamily headroom_spent, headroom_cpus, headroom_memory;
extern const MetricFamily up_plugin_requests, up_plugin_requested_cpu, up_plugin_requested_memory, up_plugin_accepted_cpu, up_plugin_accepted_memory;
extern const MetricFamily up_denials, up_partial, up_monitor_out, up_monitor_in, up_monitor_requested_cpu, up_monitor_requested_memory;
extern const MetricFamily up_monitor_approved_cpu, up_monitor_approved_memory, up_neonvm_requests, up_neonvm_requested_cpu, up_neonvm_requested_memory;
extern const MetricFamily up_runners, up_runner_starts, up_next_actions, up_scaling_latency, up_plugin_latency, up_monitor_latency, up_neonvm_latency;
extern const MetricFamily up_watch_calls, up_watch_relists, up_watch_events, up_watch_errors, up_watch_alive, up_watch_failing;
extern const MetricFamily up_vm_cpu, up_vm_memory, up_vm_restarts, up_vm_desired, up_vm_extra_ip;
// of an agent that bills or reports
extern const MetricFamily event_batches, event_spool_bytes, event_refusals;
extern const MetricFamily up_billing_queue, up_billing_took, up_billing_errors, up_billing_processed, up_billing_vms;
extern const MetricFamily up_events_queue, up_events_took, up_events_errors, up_scaling_events;
// runner
extern const MetricFamily runner_cpus_asked, runner_cpus_actual, runner_memory_asked, runner_memory_actual, runner_guest_connected;
extern const MetricFamily runner_reclaimable, runner_floor, runner_most, runner_in_kernel_zone, runner_zone_size, runner_zone_room, runner_held;
extern const MetricFamily runner_clock_offset, runner_clock_error;
// overlay
extern const MetricFamily overlay_peers, overlay_mtu, overlay_failures, overlay_passes, overlay_ports, overlay_port_refusals;
}  // namespace families

}  // namespace neonvm::daemon
