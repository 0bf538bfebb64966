/* The layout of the ABI on 64-bit machines, frozen: a change here breaks every plugin that was ever built. What is new
 * goes to the end of its struct, gets a line of its own at the end of its list, and only grows SIZE. */
#include "core/plugin/neonvm_plugin.h"

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), "offset of " #type "." #member)
/* Slot number n of a table, the first behind its size being 1. */
#define SLOT(table, member, n) AT(table, member, (n) * sizeof(void*))

_Static_assert(sizeof(void*) == 8, "the numbers below are those of LP64");
_Static_assert(NEONVM_ABI_MAJOR == 1 && NEONVM_ABI_MINOR == 1, "a new version: add its lines below");

SIZE(neonvm_text, 16);
AT(neonvm_text, bytes, 0);
AT(neonvm_text, length, 8);
SIZE(neonvm_error, 1024);
SIZE(neonvm_sink, 16);
AT(neonvm_sink, context, 0);
AT(neonvm_sink, take, 8);

SIZE(neonvm_host, 48);
AT(neonvm_host, size, 0);
AT(neonvm_host, context, 8);
AT(neonvm_host, log, 16);
AT(neonvm_host, cancelled, 24);
AT(neonvm_host, open_policy, 32);
AT(neonvm_host, close_policy, 40);
SIZE(neonvm_option, 32);
AT(neonvm_option, value, 16);
SIZE(neonvm_open_args, 32);
AT(neonvm_open_args, host, 8);
AT(neonvm_open_args, options, 16);
AT(neonvm_open_args, option_count, 24);

SIZE(neonvm_plugin_descriptor, 56);
AT(neonvm_plugin_descriptor, size, 0);
AT(neonvm_plugin_descriptor, abi_major, 4);
AT(neonvm_plugin_descriptor, abi_minor, 8);
AT(neonvm_plugin_descriptor, kind, 12);
AT(neonvm_plugin_descriptor, name, 16);
AT(neonvm_plugin_descriptor, version, 24);
AT(neonvm_plugin_descriptor, open, 32);
AT(neonvm_plugin_descriptor, close, 40);
AT(neonvm_plugin_descriptor, table, 48);

SIZE(neonvm_resources, 16);
AT(neonvm_resources, milli_cpu, 0);
AT(neonvm_resources, memory, 8);
SIZE(neonvm_pressure, 32);
AT(neonvm_pressure, full, 8);
AT(neonvm_pressure, some_avg10, 16);
AT(neonvm_pressure, full_avg10, 24);

SIZE(neonvm_sample, 296);
AT(neonvm_sample, at, 0);
AT(neonvm_sample, interval, 8);
AT(neonvm_sample, load1, 16);
AT(neonvm_sample, load5, 24);
AT(neonvm_sample, load15, 32);
AT(neonvm_sample, cpu_used, 40);
AT(neonvm_sample, cpu_stolen, 48);
AT(neonvm_sample, runnable, 56);
AT(neonvm_sample, blocked, 64);
AT(neonvm_sample, cpu, 72);
AT(neonvm_sample, memory, 104);
AT(neonvm_sample, io, 136);
AT(neonvm_sample, memory_total, 168);
AT(neonvm_sample, memory_available, 176);
AT(neonvm_sample, memory_free, 184);
AT(neonvm_sample, memory_anon, 192);
AT(neonvm_sample, memory_file, 200);
AT(neonvm_sample, memory_cached, 208);
AT(neonvm_sample, memory_shmem, 216);
AT(neonvm_sample, slab_reclaimable, 224);
AT(neonvm_sample, slab_unreclaimable, 232);
AT(neonvm_sample, swap_total, 240);
AT(neonvm_sample, swap_free, 248);
AT(neonvm_sample, refaults, 256);
AT(neonvm_sample, swapped_in, 264);
AT(neonvm_sample, oom_kills, 272);
AT(neonvm_sample, working_set_pages, 280);
AT(neonvm_sample, working_set_count, 288);
AT(neonvm_sample, online_cpus, 292);

SIZE(neonvm_scaling_config, 72);
AT(neonvm_scaling_config, load_average_fraction_target, 0);
AT(neonvm_scaling_config, memory_usage_fraction_target, 8);
AT(neonvm_scaling_config, memory_total_fraction_target, 16);
AT(neonvm_scaling_config, lfc_to_memory_ratio, 24);
AT(neonvm_scaling_config, lfc_window_size_minutes, 32);
AT(neonvm_scaling_config, lfc_min_wait_before_downscale_minutes, 40);
AT(neonvm_scaling_config, cpu_stable_zone_ratio, 48);
AT(neonvm_scaling_config, cpu_mixed_zone_ratio, 56);
AT(neonvm_scaling_config, enable_lfc_metrics, 64);
AT(neonvm_scaling_config, lfc_use_largest_window, 68);

SIZE(neonvm_policy_input, 168);
AT(neonvm_policy_input, vm, 8);
AT(neonvm_policy_input, now, 24);
AT(neonvm_policy_input, wall_seconds, 32);
AT(neonvm_policy_input, samples, 40);
AT(neonvm_policy_input, sample_size, 48);
AT(neonvm_policy_input, sample_count, 56);
AT(neonvm_policy_input, using_now, 64);
AT(neonvm_policy_input, min, 80);
AT(neonvm_policy_input, max, 96);
AT(neonvm_policy_input, compute_unit, 112);
AT(neonvm_policy_input, config, 128);
AT(neonvm_policy_input, config_size, 136);
AT(neonvm_policy_input, has_request, 144);
AT(neonvm_policy_input, request_at, 152);
AT(neonvm_policy_input, request_memory, 160);

SIZE(neonvm_because, 256);
AT(neonvm_because, text, 32);
SIZE(neonvm_goal, 4144);
AT(neonvm_goal, wish, 8);
AT(neonvm_goal, complete, 24);
AT(neonvm_goal, compute_units, 28);
AT(neonvm_goal, ask_again, 32);
AT(neonvm_goal, because_count, 40);
AT(neonvm_goal, because, 48);

SIZE(neonvm_policy_table, 16);
SLOT(neonvm_policy_table, decide, 1);

SIZE(neonvm_cpu_state, 240);
AT(neonvm_cpu_state, actual_milli_cpu, 4);
AT(neonvm_cpu_state, settled, 8);
AT(neonvm_cpu_state, why, 16);
SIZE(neonvm_memory_state, 248);
AT(neonvm_memory_state, actual, 8);
AT(neonvm_memory_state, settled, 16);
AT(neonvm_memory_state, why, 24);
SIZE(neonvm_port, 24);
AT(neonvm_port, guest, 16);
AT(neonvm_port, host, 18);
AT(neonvm_port, protocol, 20);
SIZE(neonvm_capability, 56);
AT(neonvm_capability, detail, 16);
AT(neonvm_capability, next_step, 32);
AT(neonvm_capability, works, 48);
SIZE(neonvm_capability_sink, 16);
SIZE(neonvm_event_sink, 16);

SIZE(neonvm_hypervisor_table, 184);
SLOT(neonvm_hypervisor_table, start, 1);
SLOT(neonvm_hypervisor_table, attach, 2);
SLOT(neonvm_hypervisor_table, machine_close, 3);
SLOT(neonvm_hypervisor_table, inspect, 4);
SLOT(neonvm_hypervisor_table, want_memory, 5);
SLOT(neonvm_hypervisor_table, memory, 6);
SLOT(neonvm_hypervisor_table, quit, 7);
SLOT(neonvm_hypervisor_table, kill, 8);
SLOT(neonvm_hypervisor_table, next_event, 9);
SLOT(neonvm_hypervisor_table, probe, 10);
SLOT(neonvm_hypervisor_table, create_disk, 11);
SLOT(neonvm_hypervisor_table, set_cpus, 12);
SLOT(neonvm_hypervisor_table, press_power_button, 13);
SLOT(neonvm_hypervisor_table, pause, 14);
SLOT(neonvm_hypervisor_table, resume, 15);
SLOT(neonvm_hypervisor_table, listen, 16);
SLOT(neonvm_hypervisor_table, migrate_to, 17);
SLOT(neonvm_hypervisor_table, migration, 18);
SLOT(neonvm_hypervisor_table, cancel_migration, 19);
SLOT(neonvm_hypervisor_table, add_forward, 20);
SLOT(neonvm_hypervisor_table, remove_forward, 21);
SLOT(neonvm_hypervisor_table, wake, 22);

SIZE(neonvm_orchestrator_table, 224);
SLOT(neonvm_orchestrator_table, list, 1);
SLOT(neonvm_orchestrator_table, get, 2);
SLOT(neonvm_orchestrator_table, create, 3);
SLOT(neonvm_orchestrator_table, update, 4);
SLOT(neonvm_orchestrator_table, update_status, 5);
SLOT(neonvm_orchestrator_table, remove, 6);
SLOT(neonvm_orchestrator_table, watch, 7);
SLOT(neonvm_orchestrator_table, watch_next, 8);
SLOT(neonvm_orchestrator_table, watch_wake, 9);
SLOT(neonvm_orchestrator_table, watch_close, 10);
SLOT(neonvm_orchestrator_table, start_runner, 11);
SLOT(neonvm_orchestrator_table, stop_runner, 12);
SLOT(neonvm_orchestrator_table, hold_lease, 13);
SLOT(neonvm_orchestrator_table, release_lease, 14);
SLOT(neonvm_orchestrator_table, record, 15);
SLOT(neonvm_orchestrator_table, events, 16);
SLOT(neonvm_orchestrator_table, wait_events, 17);
SLOT(neonvm_orchestrator_table, vm_directory, 18);
SLOT(neonvm_orchestrator_table, runner_access, 19);
SLOT(neonvm_orchestrator_table, webhook_authority, 20);
SLOT(neonvm_orchestrator_table, list_runners, 21);
SLOT(neonvm_orchestrator_table, bind_pod, 22);
SLOT(neonvm_orchestrator_table, scheduler_access, 23);
SLOT(neonvm_orchestrator_table, tend, 24);
SLOT(neonvm_orchestrator_table, runner_log, 25);
SLOT(neonvm_orchestrator_table, show_room, 26);
SLOT(neonvm_orchestrator_table, lead_service, 27);

_Static_assert(NEONVM_KIND_HYPERVISOR == 1 && NEONVM_KIND_ORCHESTRATOR == 2 && NEONVM_KIND_POLICY == 3, "kinds");
_Static_assert(NEONVM_OBJECT_VIRTUAL_MACHINE == 0 && NEONVM_OBJECT_MIGRATION == 1 && NEONVM_OBJECT_NODE == 2 &&
                   NEONVM_OBJECT_RUNNER == 3 && NEONVM_OBJECT_NEIGHBOUR == 4 && NEONVM_OBJECT_IP_POOL == 5, "objects");
_Static_assert(NEONVM_CHANGE_NONE == 0 && NEONVM_CHANGE_ADDED == 1 && NEONVM_CHANGE_CHANGED == 2 &&
                   NEONVM_CHANGE_DELETED == 3 && NEONVM_CHANGE_SYNCED == 4, "changes");
_Static_assert(NEONVM_LOG_DEBUG == 0 && NEONVM_LOG_INFO == 1 && NEONVM_LOG_WARNING == 2 && NEONVM_LOG_ERROR == 3,
               "log levels");

/* So that the test program can tell that this file was compiled into it. */
int neonvm_abi_layout_holds(void);
int neonvm_abi_layout_holds(void) { return 1; }
