#include "core/daemon/metric_families.hpp"

namespace neonvm::daemon {

const char* to_string(MetricPart part) {
  switch (part) {
    case MetricPart::controller: return "controller";
    case MetricPart::scheduler: return "scheduler";
    case MetricPart::agent: return "agent";
    case MetricPart::runner: return "runner";
    case MetricPart::overlay: return "overlay";
  }
  return "";
}

namespace families {

namespace {

constexpr auto counter = runtime::MetricKind::counter;
constexpr auto gauge = runtime::MetricKind::gauge;
constexpr auto histogram = runtime::MetricKind::histogram;
using Names = std::vector<std::string>;

// Upstream's, in seconds: of what takes fractions of one, and of a VM's start.
const std::vector<double> short_times{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6,
                                      0.7,   0.8,  0.9,   1,    1.25, 1.5, 1.75, 2,   2.5, 3,    3.5, 4,    4.5, 5,
                                      6,     7,    8,     9,    10,  15,   20,  25,   30,  40,   50,  60};
const std::vector<double> start_times{1, 5, 10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 60, 80, 100, 120, 140, 160, 200, 300};
const std::vector<double> address_times{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30};
const std::vector<double> pass_times{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10};
const std::vector<double> stage_times{0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15};
const std::vector<double> migration_times{1, 2, 5, 10, 20, 30, 60, 120, 300, 600};
const std::vector<double> downtimes{0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5};

const Names vm{"vm"}, direction{"direction"}, outcome{"outcome"};
const Names of_vm{"vm_namespace", "vm_name", "endpoint_id", "project_id"};
const Names of_vm_value{"vm_namespace", "vm_name", "endpoint_id", "project_id", "value"};
const Names call{"method", "desired_availability_zone", "ignored_namespace"};

}  // namespace

const MetricFamily vms{gauge, "neonvm_vms", "VMs by phase", {"phase"}};
const MetricFamily reconcile_seconds{histogram, "neonvm_reconcile_duration_seconds", "Duration of one pass of the controller over a VM", outcome, pass_times};
const MetricFamily queue_length{gauge, "neonvm_controller_queue_length", "VMs that wait for a pass of the controller"};
const MetricFamily webhook_faults{counter, "neonvm_webhook_faults_total", "Objects that the validating webhook found wrong", {"kind", "outcome"}};
const MetricFamily migrations{counter, "neonvm_migrations_total", "Live migrations that ended, by outcome", outcome};
const MetricFamily migration_seconds{histogram, "neonvm_migration_duration_seconds", "From the begin of a live migration to its end", outcome, migration_times};
const MetricFamily migration_downtime{histogram, "neonvm_migration_downtime_seconds", "How long the guest stood still at the switch of a live migration", {}, downtimes};
const MetricFamily up_failing{gauge, "reconcile_failing_objects", "Objects whose passes have failed for a minute", {"controller", "outcome", "actively_retried"}};
const MetricFamily up_created_to_runner{histogram, "vm_creation_to_runner_creation_duration_seconds", "From a VM's creation to that of its first runner", {}, short_times};
const MetricFamily up_runner_to_running{histogram, "vm_runner_creation_to_vm_running_duration_seconds", "From a runner's creation to the VM in phase Running", {}, start_times};
const MetricFamily up_created_to_running{histogram, "vm_creation_to_vm_running_duration_seconds", "From a VM's creation to its first time in phase Running", {}, start_times};
const MetricFamily up_restarts{counter, "vm_restarts_count", "VMs started again after they ended"};
const MetricFamily up_reconcile_seconds{histogram, "reconcile_duration_seconds", "Duration of one pass of the controller over a VM or its migration", outcome, short_times};
const MetricFamily addresses{gauge, "neonvm_overlay_addresses", "Addresses of the overlay network that VMs can be given, taken ones included; not told before the pool was read"};
const MetricFamily addresses_taken{gauge, "neonvm_overlay_addresses_taken", "Addresses of the overlay network that VMs have"};
const MetricFamily up_ipam_ongoing{gauge, "ipam_ongoing_requests", "Addresses that are being given or taken back", {"action"}};
const MetricFamily up_ipam_seconds{histogram, "ipam_request_duration_seconds", "From asking for an address, or giving it back, until that was stored or refused", {"action", "outcome"}, address_times};

const MetricFamily scheduler_ready{gauge, "neonvm_scheduler_ready", "1 if this process has the books; 0 while they are rebuilt, and in a replica that does not lead"};
const MetricFamily node_pinned{gauge, "neonvm_node_above_watermark", "1 if a node is above its watermark and no VM there can be moved away", {"node"}};
const MetricFamily up_extension_calls{counter, "autoscaling_plugin_extension_calls_total", "Calls of the scheduler by a kube-scheduler", call};
const MetricFamily up_extension_fails{counter, "autoscaling_plugin_extension_call_fails_total", "Calls that failed, but for pods without room", {"method", "desired_availability_zone", "ignored_namespace", "status"}};
const MetricFamily up_permit_requests{counter, "autoscaling_plugin_resource_requests_total", "Permit requests by HTTP status", {"code"}};
const MetricFamily up_permit_results{counter, "autoscaling_plugin_resource_requests_results_total", "Permit requests by HTTP status and node", {"code", "node"}};
const MetricFamily up_k8s_ops{counter, "autoscaling_plugin_k8s_ops_total", "Writes of the scheduler by outcome", {"op", "kind", "outcome"}};
const MetricFamily up_node_cpu{gauge, "autoscaling_plugin_node_cpu_resources_current", "CPU of a node in the scheduler's books", {"node", "field"}};
const MetricFamily up_node_memory{gauge, "autoscaling_plugin_node_mem_resources_current", "Memory of a node in the scheduler's books, in bytes", {"node", "field"}};
const MetricFamily up_plugin_watch_calls{counter, "autoscaling_plugin_watchers_client_calls_total", "Watches opened by the scheduler", {"watcher_instance", "method"}};
const MetricFamily up_plugin_watch_relists{counter, "autoscaling_plugin_watchers_relist_requests_total", "Times that all objects had to be read anew", {"watcher_instance"}};
const MetricFamily up_plugin_watch_events{counter, "autoscaling_plugin_watchers_events_total", "Changes told by the scheduler's watches", {"watcher_instance", "type"}};
const MetricFamily up_plugin_watch_errors{counter, "autoscaling_plugin_watchers_errors_total", "Failures of the scheduler's watches", {"watcher_instance", "source"}};
const MetricFamily up_plugin_watch_alive{gauge, "autoscaling_plugin_watchers_alive_current", "1 if the scheduler watches", {"watcher_instance"}};
const MetricFamily up_plugin_watch_failing{gauge, "autoscaling_plugin_watchers_failing_current", "1 if that watch could not be opened last", {"watcher_instance"}};

const MetricFamily room_notes{counter, "neonvm_scheduler_room_notes_total", "Times that what is free on a node was written on it, by outcome", {"outcome"}};

const MetricFamily vm_cpus{gauge, "neonvm_vm_cpus", "CPUs of a VM that scales by itself", {"vm", "value"}};
const MetricFamily vm_memory{gauge, "neonvm_vm_memory_bytes", "Memory of a VM that scales by itself", {"vm", "value"}};
const MetricFamily vm_policy_problem{gauge, "neonvm_vm_policy_problem", "1 if a VM's policy cannot be opened or refuses, so that the VM keeps its size", vm};
const MetricFamily headroom_spent{counter, "neonvm_headroom_spent_total", "Times that a VM grew out of what its node's agent had been lent"};
const MetricFamily headroom_cpus{gauge, "neonvm_headroom_cpus", "CPUs that this node's agent may still give without asking", {"node"}};
const MetricFamily headroom_memory{gauge, "neonvm_headroom_memory_bytes", "Memory that this node's agent may still give without asking", {"node"}};
const MetricFamily stage_seconds{histogram, "neonvm_scaling_stage_seconds", "Time from a decision to each stage of carrying it out", {"stage"}, stage_times};
const MetricFamily way_up_stage_seconds{histogram, "neonvm_scale_up_stage_seconds", "Of a growth that was carried out, each stage by itself, since the one before", {"stage"}, stage_times};
const MetricFamily way_up_seconds{histogram, "neonvm_scale_up_seconds", "Of a growth that was carried out, from the guest's signal to the size in the guest", {}, stage_times};
const MetricFamily up_plugin_requests{counter, "autoscaling_agent_scheduler_plugin_requests_total", "Permits asked for, by the answer", {"code"}};
const MetricFamily up_plugin_requested_cpu{counter, "autoscaling_agent_scheduler_plugin_requested_cpu_change_total", "CPUs by which permits were to change", direction};
const MetricFamily up_plugin_requested_memory{counter, "autoscaling_agent_scheduler_plugin_requested_mem_change_total", "MiB by which permits were to change", direction};
const MetricFamily up_plugin_accepted_cpu{counter, "autoscaling_agent_scheduler_plugin_accepted_cpu_change_total", "CPUs by which permits changed", direction};
const MetricFamily up_plugin_accepted_memory{counter, "autoscaling_agent_scheduler_plugin_accepted_mem_change_total", "MiB by which permits changed", direction};
const MetricFamily up_denials{counter, "autoscaling_agent_scaling_full_denials_total", "Changes of size that were denied: inc by the scheduler, dec by the guest", direction};
const MetricFamily up_partial{counter, "autoscaling_agent_scaling_partial_approvals_total", "Growth of which the scheduler gave a part", direction};
const MetricFamily up_monitor_out{counter, "autoscaling_agent_monitor_outbound_requests_total", "What was said to guests", {"endpoint", "code"}};
const MetricFamily up_monitor_in{counter, "autoscaling_agent_monitor_inbound_requests_total", "What guests asked for", {"endpoint", "code"}};
const MetricFamily up_monitor_requested_cpu{counter, "autoscaling_agent_monitor_requested_cpu_change_total", "CPUs that guests were asked to give, or told that they have got", direction};
const MetricFamily up_monitor_requested_memory{counter, "autoscaling_agent_monitor_requested_mem_change_total", "MiB that guests were asked to give, or told that they have got", direction};
const MetricFamily up_monitor_approved_cpu{counter, "autoscaling_agent_monitor_approved_cpu_change_total", "CPUs of those that guests agreed to", direction};
const MetricFamily up_monitor_approved_memory{counter, "autoscaling_agent_monitor_approved_mem_change_total", "MiB of those that guests agreed to", direction};
const MetricFamily up_neonvm_requests{counter, "autoscaling_agent_neonvm_outbound_requests_total", "Sizes written into VMs, by the answer", {"result"}};
const MetricFamily up_neonvm_requested_cpu{counter, "autoscaling_agent_neonvm_requested_cpu_change_total", "CPUs by which VMs were asked to change", direction};
const MetricFamily up_neonvm_requested_memory{counter, "autoscaling_agent_neonvm_requested_mem_changed_total", "MiB by which VMs were asked to change", direction};
const MetricFamily up_runners{gauge, "autoscaling_agent_runners_current", "VMs that scale by themselves here; stuck: without a policy, or without word from the guest", {"is_endpoint", "state"}};
const MetricFamily up_runner_starts{counter, "autoscaling_agent_runner_starts", "VMs that began to scale by themselves here"};
const MetricFamily up_next_actions{counter, "autoscaling_agent_runner_next_actions_total", "Times that a VM's state machine was asked what is to be done"};
const MetricFamily up_scaling_latency{histogram, "autoscaling_agent_scaling_latency_seconds", "From a decision to the size in the guest", direction, short_times};
const MetricFamily up_plugin_latency{histogram, "autoscaling_agent_plugin_latency_seconds", "From a decision to its permit", direction, short_times};
const MetricFamily up_monitor_latency{histogram, "autoscaling_agent_monitor_latency_seconds", "From a decision to the guest's answer", direction, short_times};
const MetricFamily up_neonvm_latency{histogram, "autoscaling_agent_neonvm_latency_seconds", "From a decision to the size in the VM's object", direction, short_times};
const MetricFamily up_watch_calls{counter, "autoscaling_agent_watchers_client_calls_total", "Watches opened by the agent", {"watcher_instance", "method"}};
const MetricFamily up_watch_relists{counter, "autoscaling_agent_watchers_relist_requests_total", "Times that all objects had to be read anew", {"watcher_instance"}};
const MetricFamily up_watch_events{counter, "autoscaling_agent_watchers_events_total", "Changes told by the agent's watches", {"watcher_instance", "type"}};
const MetricFamily up_watch_errors{counter, "autoscaling_agent_watchers_errors_total", "Failures of the agent's watches", {"watcher_instance", "source"}};
const MetricFamily up_watch_alive{gauge, "autoscaling_agent_watchers_alive_current", "1 if the agent watches", {"watcher_instance"}};
const MetricFamily up_watch_failing{gauge, "autoscaling_agent_watchers_failing_current", "1 if that watch could not be opened last", {"watcher_instance"}};
const MetricFamily up_vm_cpu{gauge, "autoscaling_vm_cpu_cores", "CPUs of each VM here, whether it scales by itself or not", of_vm_value};
const MetricFamily up_vm_memory{gauge, "autoscaling_vm_memory_bytes", "Memory of each VM here, whether it scales by itself or not", of_vm_value};
const MetricFamily up_vm_restarts{gauge, "autoscaling_vm_restart_count", "How often each VM was started again", of_vm};
const MetricFamily up_vm_extra_ip{gauge, "autoscaling_vm_extra_ip", "1 if a VM has an address in the overlay network", of_vm};
const MetricFamily up_vm_desired{gauge, "autoscaling_vm_desired_cu", "Compute units that the policy wished last, before any limit", {"vm_namespace", "vm_name", "endpoint_id", "project_id", "component"}};

const MetricFamily event_batches{counter, "neonvm_event_batches_total", "Batches of billing or scaling events that were sent, by outcome; one that failed is sent again", {"stream", "client", "outcome"}};
const MetricFamily event_spool_bytes{gauge, "neonvm_event_spool_bytes", "Events on the disk that not every client has yet", {"stream"}};
const MetricFamily event_refusals{counter, "neonvm_event_spool_refusals_total", "Times that events could not be written down: a full spool, or the disk. Billing counts on; scaling events wait in memory", {"stream"}};
const MetricFamily up_billing_queue{gauge, "autoscaling_agent_billing_queue_size", "Batches of billing events that wait to be sent", {"client"}};
const MetricFamily up_billing_took{gauge, "autoscaling_agent_billing_last_send_duration_seconds", "Duration of the last sending; 1e-6: there was nothing to send, 0: it failed", {"client"}};
const MetricFamily up_billing_errors{counter, "autoscaling_agent_billing_send_errors_total", "Failures to send billing events", {"client", "cause"}};
const MetricFamily up_billing_processed{counter, "autoscaling_agent_billing_vms_processed_total", "VMs charged for, once in each window", {"is_endpoint", "autoscaling_enabled", "phase"}};
const MetricFamily up_billing_vms{gauge, "autoscaling_agent_billing_vms_current", "VMs that are billed", {"is_endpoint", "autoscaling_enabled", "phase"}};
const MetricFamily up_events_queue{gauge, "autoscaling_agent_scalingevents_queue_size", "Batches of scaling events that wait to be sent", {"client"}};
const MetricFamily up_events_took{gauge, "autoscaling_agent_scalingevents_last_send_duration_seconds", "Duration of the last sending; 1e-6: there was nothing to send, 0: it failed", {"client"}};
const MetricFamily up_events_errors{counter, "autoscaling_agent_scalingevents_send_errors_total", "Failures to send scaling events", {"client", "cause"}};
const MetricFamily up_scaling_events{gauge, "autoscaling_agent_scaling_events_total", "Scaling events, by kind: actual, hypothetical", {"kind"}};

const MetricFamily runner_cpus_asked{gauge, "neonvm_runner_cpus_asked", "CPUs that the VM was asked to have", vm};
const MetricFamily runner_cpus_actual{gauge, "neonvm_runner_cpus_actual", "CPUs that the VM has", vm};
const MetricFamily runner_memory_asked{gauge, "neonvm_runner_memory_asked_bytes", "Memory that the VM was asked to have", vm};
const MetricFamily runner_memory_actual{gauge, "neonvm_runner_memory_actual_bytes", "Memory that the VM has", vm};
const MetricFamily runner_guest_connected{gauge, "neonvm_runner_guest_connected", "1 if the monitor in the guest answers", vm};
const MetricFamily runner_reclaimable{gauge, "neonvm_runner_memory_reclaimable_bytes", "Memory that the guest would give back now", vm};
const MetricFamily runner_floor{gauge, "neonvm_runner_memory_floor_bytes", "Smallest size that the guest would agree to now", vm};
const MetricFamily runner_most{gauge, "neonvm_runner_memory_most_bytes", "Largest size that the guest's kernel can describe and map now", vm};
const MetricFamily runner_in_kernel_zone{gauge, "neonvm_runner_memory_in_kernel_zone_bytes", "Plugged memory that the kernel may use itself, and may never give back", vm};
const MetricFamily runner_zone_size{gauge, "neonvm_runner_zone_size_bytes", "Memory of the guest by the kernel's zones", {"vm", "zone"}};
const MetricFamily runner_zone_room{gauge, "neonvm_runner_zone_room_bytes", "Memory that is free, or would be when it is asked for", {"vm", "zone"}};
const MetricFamily runner_held{gauge, "neonvm_runner_memory_held_bytes", "Memory of the guest that cannot be dropped, by what holds it", {"vm", "holder"}};
const MetricFamily runner_clock_offset{gauge, "neonvm_runner_guest_clock_offset_seconds", "Wall clock of the guest less the host's, when it was looked at last", vm};
const MetricFamily runner_clock_error{gauge, "neonvm_runner_guest_clock_error_seconds", "How much may be wrong with that offset", vm};

const MetricFamily overlay_peers{gauge, "neonvm_overlay_peers", "Other nodes that the overlay network reaches from this one"};
const MetricFamily overlay_mtu{gauge, "neonvm_overlay_mtu_bytes", "Largest IP packet on the overlay network"};
const MetricFamily overlay_failures{counter, "neonvm_overlay_failures_total", "Times that the overlay network could not be made what it should be"};
const MetricFamily overlay_passes{counter, "neonvm_overlay_passes_total", "Times that the kernel was asked what it has of the overlay network"};
const MetricFamily overlay_ports{gauge, "neonvm_overlay_ports", "VMs of this node that have a port of the overlay network"};
const MetricFamily overlay_port_refusals{counter, "neonvm_overlay_port_refusals_total", "Times that a VM could not be given its port"};

}  // namespace families

const std::vector<PartFamily>& metric_families() {
  using namespace families;
  static const std::vector<PartFamily> all = [] {
    std::vector<PartFamily> list;
    const auto add = [&list](MetricPart part, std::initializer_list<const MetricFamily*> some) {
      for (const MetricFamily* one : some) list.push_back({part, one});
    };
    add(MetricPart::controller, {&vms, &reconcile_seconds, &queue_length, &webhook_faults, &migrations, &migration_seconds, &migration_downtime,
                                 &up_failing, &up_created_to_runner, &up_runner_to_running, &up_created_to_running, &up_restarts,
                                 &up_reconcile_seconds, &addresses, &addresses_taken, &up_ipam_ongoing, &up_ipam_seconds});
    add(MetricPart::scheduler, {&scheduler_ready, &node_pinned, &up_extension_calls, &up_extension_fails, &up_permit_requests,
                                &up_permit_results, &up_k8s_ops, &up_node_cpu, &up_node_memory, &up_plugin_watch_calls,
                                &up_plugin_watch_relists, &up_plugin_watch_events, &up_plugin_watch_errors, &up_plugin_watch_alive,
                                &up_plugin_watch_failing, &room_notes});
    add(MetricPart::agent, {&vm_cpus, &vm_memory, &vm_policy_problem, &headroom_spent, &headroom_cpus, &headroom_memory, &stage_seconds, &way_up_stage_seconds, &way_up_seconds,
                            &up_plugin_requests, &up_plugin_requested_cpu, &up_plugin_requested_memory, &up_plugin_accepted_cpu,
                            &up_plugin_accepted_memory, &up_denials, &up_partial, &up_monitor_out, &up_monitor_in, &up_monitor_requested_cpu,
                            &up_monitor_requested_memory, &up_monitor_approved_cpu, &up_monitor_approved_memory, &up_neonvm_requests,
                            &up_neonvm_requested_cpu, &up_neonvm_requested_memory, &up_runners, &up_runner_starts, &up_next_actions,
                            &up_scaling_latency, &up_plugin_latency, &up_monitor_latency, &up_neonvm_latency, &up_watch_calls,
                            &up_watch_relists, &up_watch_events, &up_watch_errors, &up_watch_alive, &up_watch_failing, &up_vm_cpu,
                            &up_vm_memory, &up_vm_restarts, &up_vm_desired, &up_vm_extra_ip, &event_batches, &event_spool_bytes, &event_refusals,
                            &up_billing_queue, &up_billing_took, &up_billing_errors, &up_billing_processed, &up_billing_vms,
                            &up_events_queue, &up_events_took, &up_events_errors, &up_scaling_events});
    add(MetricPart::runner, {&runner_cpus_asked, &runner_cpus_actual, &runner_memory_asked, &runner_memory_actual, &runner_guest_connected,
                             &runner_reclaimable, &runner_floor, &runner_most, &runner_in_kernel_zone, &runner_zone_size,
                             &runner_zone_room, &runner_held, &runner_clock_offset, &runner_clock_error});
    add(MetricPart::overlay, {&overlay_peers, &overlay_mtu, &overlay_failures, &overlay_passes, &overlay_ports, &overlay_port_refusals});
    return list;
  }();
  return all;
}

}  // namespace neonvm::daemon
