/* neonvm_plugin.h: the stable C ABI between neonvm and its plugins: hypervisors, orchestrators, scaling policies.
 *
 * A plugin is a shared library that exports one function, `neonvm_plugin_v1`, which answers a descriptor; or it is
 * linked into neonvm, where the same function carries the plugin's name. C11, needs nothing but this header. In C++ the
 * SDK (core/plugin/plugin_sdk.hpp) makes all of this out of an ordinary class.
 *
 * CONVENTIONS
 *  1. Ownership. No memory changes owner. What is passed in lives until the call returns: copy what you keep. Results
 *     go to the caller's sink, which copies before it returns, or into the caller's struct. What a plugin hands out as
 *     a handle (`void*`: plugin, machine, watch) is its own until the host gives it back to the matching close call.
 *  2. Strings are neonvm_text: UTF-8, pointer and length, not ended by a zero, the pointer may be null when the length
 *     is 0. Only in the descriptor and in fixed buffers are they zero-ended. Fixed buffers are cut at the end of a
 *     character. Paths are absolute.
 *  3. Threads. The host calls, the plugin answers; a plugin may start threads, which call back only `host`. Per table:
 *       hypervisor   different machines in parallel; one machine: one call at a time, except that inspect, migration
 *                    and next_event may run beside one other call, each on a thread of its own, and wake beside all;
 *       orchestrator every call from any thread at any time; a watch by one thread at a time, except watch_wake;
 *       policy       one call at a time per opened plugin; several opened ones in parallel.
 *     The host closes a handle only when no call on it is running, and a plugin after all of its handles.
 *  4. Errors. Calls return 0 or one of NEONVM_E_*; with an error they also write a message, for people, that says what
 *     was wrong with which value and what to do. With an error nothing else that the call writes counts. No exception,
 *     longjmp or signal leaves a plugin; a sink may be called by a call that then fails.
 *  5. Deadlines are absolute, CLOCK_MONOTONIC in nanoseconds; INT64_MAX is "none". Every blocking call keeps to its
 *     deadline and answers NEONVM_E_DEADLINE_EXCEEDED if it must: the deed may have happened. Durations: nanoseconds.
 *  6. Numbers cross as structs, documents as JSON (docs/reference/plugin-abi.md): strict, unknown members are errors.
 *  7. Versions. Another major is refused, a plugin's minor above the host's too. Within a major tables and structs only
 *     grow at their end, and no number changes its meaning. Structs that may grow begin with their size as their maker
 *     knew it: do not read or write behind it. A slot is present if it lies inside its table's size and is not null.
 *     Required slots come first; a missing optional one is "unsupported".
 *  8. Absent is never zero: a number that nobody could tell is NaN (x != x) or NEONVM_UNKNOWN. `reserved` is zero.
 *  9. A plugin is never unloaded. open may be called many times: keep no state in globals.
 */
#ifndef NEONVM_PLUGIN_H
#define NEONVM_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEONVM_ABI_MAJOR 1u
#define NEONVM_ABI_MINOR 1u

#if defined(__GNUC__)
#define NEONVM_EXPORT __attribute__((visibility("default")))
#else
#define NEONVM_EXPORT
#endif

/* What a descriptor's `kind` may be. */
enum { NEONVM_KIND_HYPERVISOR = 1, NEONVM_KIND_ORCHESTRATOR = 2, NEONVM_KIND_POLICY = 3 };

/* The numbers of neonvm::Code (core/model/result.hpp, which says when to retry). */
enum {
  NEONVM_OK = 0,
  NEONVM_E_INVALID_ARGUMENT = 1,
  NEONVM_E_NOT_FOUND = 2,
  NEONVM_E_ALREADY_EXISTS = 3,
  NEONVM_E_CONFLICT = 4,
  NEONVM_E_OUT_OF_CAPACITY = 5,
  NEONVM_E_UNAVAILABLE = 6,
  NEONVM_E_DEADLINE_EXCEEDED = 7,
  NEONVM_E_CANCELLED = 8,
  NEONVM_E_REFUSED = 9,
  NEONVM_E_UNSUPPORTED = 10,
  NEONVM_E_PERMISSION_DENIED = 11,
  NEONVM_E_DATA_LOSS = 12,
  NEONVM_E_INTERNAL = 13,
  NEONVM_E_FAILED_PRECONDITION = 14
};

#define NEONVM_UNKNOWN UINT64_MAX
#define NEONVM_MESSAGE_SIZE 1024

typedef struct neonvm_text {
  const char* bytes;
  size_t length;
} neonvm_text;

/* The caller's buffer for the message of an error. */
typedef struct neonvm_error {
  char message[NEONVM_MESSAGE_SIZE];
} neonvm_error;

/* Takes one result, whole; called once per result, in order; not at all for "none". */
typedef struct neonvm_sink {
  void* context;
  void (*take)(void* context, const char* bytes, size_t length);
} neonvm_sink;

/* A setting from the user's configuration, as text; names and values are the plugin's own. Refuse unknown names. */
typedef struct neonvm_option {
  neonvm_text name;
  neonvm_text value;
} neonvm_option;

/* What the host offers. Lives as long as the plugin is open. log, cancelled: any thread, never block, never fail. */
struct neonvm_policy_table;
enum { NEONVM_LOG_DEBUG = 0, NEONVM_LOG_INFO = 1, NEONVM_LOG_WARNING = 2, NEONVM_LOG_ERROR = 3 };

typedef struct neonvm_host {
  uint64_t size;
  void* context;
  void (*log)(void* context, int32_t level, neonvm_text message);
  /* Not 0 once the host is shutting down: long calls should answer NEONVM_E_CANCELLED soon. */
  int32_t (*cancelled)(void* context);
  /* Since 1.1, may be null. Another policy, by name or path, for a policy that builds on one: a handle and the table to
   * call it with, under the rules of neonvm_policy_table. Call it in open; it reads files. Give the handle back to
   * close_policy before your own close returns. */
  int32_t (*open_policy)(void* context, neonvm_text name, const neonvm_option* options, size_t option_count,
                         void** policy, const struct neonvm_policy_table** table, neonvm_error* error);
  void (*close_policy)(void* context, void* policy);
} neonvm_host;

typedef struct neonvm_open_args {
  uint64_t size;
  const neonvm_host* host;
  const neonvm_option* options;
  size_t option_count;
} neonvm_open_args;

/* Static, constant, the same at every call of the getter. size, abi_major, abi_minor stay first in every major. */
typedef struct neonvm_plugin_descriptor {
  uint32_t size;
  uint32_t abi_major;
  uint32_t abi_minor;
  int32_t kind;
  const char* name;    /* lower-case letters, digits, '-', '_'; what users type */
  const char* version; /* the plugin's own, for people */
  /* Required. Must not start anything that close does not end. */
  int32_t (*open)(const neonvm_open_args* args, void** plugin, neonvm_error* error);
  void (*close)(void* plugin); /* required */
  const void* table;           /* neonvm_hypervisor_table, …: what `kind` says */
} neonvm_plugin_descriptor;

typedef const neonvm_plugin_descriptor* (*neonvm_plugin_getter)(void);

/* The one exported function of a plugin. */
#define NEONVM_PLUGIN_SYMBOL "neonvm_plugin_v1"
NEONVM_EXPORT const neonvm_plugin_descriptor* neonvm_plugin_v1(void);

/* ---------------------------------------------------------------------------------------------- policy, the hot call
 * From what a guest did lately to what it should have. Same input, same output; no clock; microseconds; no allocation
 * is needed on either side. The host clamps the wish into the VM's bounds.
 */
typedef struct neonvm_resources {
  uint32_t milli_cpu; /* thousandths of a CPU */
  uint32_t reserved;
  uint64_t memory; /* bytes */
} neonvm_resources;

/* Share of the interval, 0..1, in which some (all) tasks waited for it, and the kernel's 10 s average of that. */
typedef struct neonvm_pressure {
  double some, full, some_avg10, full_avg10;
} neonvm_pressure;

#define NEONVM_MAX_WORKING_SET 60

/* One look at the guest. Doubles may be NaN, bytes NEONVM_UNKNOWN. Details: core/model/metrics.hpp. */
typedef struct neonvm_sample {
  int64_t at;      /* when the host received it, CLOCK_MONOTONIC ns */
  double interval; /* seconds since the sample before */
  double load1, load5, load15;
  double cpu_used;   /* CPUs' worth of non-idle time: 0 .. online_cpus */
  double cpu_stolen; /* CPUs' worth of time taken by other guests */
  double runnable, blocked;
  neonvm_pressure cpu, memory, io;
  uint64_t memory_total, memory_available, memory_free;
  uint64_t memory_anon, memory_file, memory_cached, memory_shmem;
  uint64_t slab_reclaimable, slab_unreclaimable;
  uint64_t swap_total, swap_free;
  double refaults;   /* pages a second */
  double swapped_in; /* pages a second */
  uint64_t oom_kills;
  /* Working set of a file cache over the last 1, 2, 3, … minutes in 8 KiB pages; at most NEONVM_MAX_WORKING_SET. */
  const double* working_set_pages;
  uint32_t working_set_count;
  uint32_t online_cpus;
} neonvm_sample;

/* core/model/scaling_config.hpp; every field is set and valid. */
typedef struct neonvm_scaling_config {
  double load_average_fraction_target;
  double memory_usage_fraction_target;
  double memory_total_fraction_target;
  double lfc_to_memory_ratio;
  int64_t lfc_window_size_minutes;
  int64_t lfc_min_wait_before_downscale_minutes;
  double cpu_stable_zone_ratio;
  double cpu_mixed_zone_ratio;
  int32_t enable_lfc_metrics;
  int32_t lfc_use_largest_window;
} neonvm_scaling_config;

typedef struct neonvm_policy_input {
  uint64_t size;
  neonvm_text vm; /* stable id, for policies that keep a history */
  int64_t now;
  int64_t wall_seconds; /* UTC since the epoch, for calendar rules; 0: unknown */
  const void* samples;  /* oldest first; sample_count steps of sample_size bytes: see neonvm_sample_at */
  uint64_t sample_size;
  size_t sample_count;
  neonvm_resources using_now, min, max, compute_unit;
  const neonvm_scaling_config* config;
  uint64_t config_size;
  /* The guest asked for more than its samples show: since when, and for how much memory in total (0: no amount). */
  int32_t has_request;
  int32_t reserved;
  int64_t request_at;
  uint64_t request_memory;
} neonvm_policy_input;

/* A host newer than the plugin has longer samples: always step by sample_size. */
static inline const neonvm_sample* neonvm_sample_at(const neonvm_policy_input* input, size_t index) {
  return (const neonvm_sample*)(const void*)((const char*)input->samples + index * (size_t)input->sample_size);
}

#define NEONVM_RULE_SIZE 32
#define NEONVM_REASON_SIZE 224
#define NEONVM_MAX_REASONS 16

/* One reason: rule "cpu.load1", text "load1 3.5 / 0.9 per CPU …". Zero-ended. */
typedef struct neonvm_because {
  char rule[NEONVM_RULE_SIZE];
  char text[NEONVM_REASON_SIZE];
} neonvm_because;

/* Zeroed by the host before the call, but for `size` and `complete`, which it sets to 1. */
typedef struct neonvm_goal {
  uint64_t size;
  neonvm_resources wish;
  int32_t complete;       /* 0: inputs were missing, the VM must not shrink */
  uint32_t compute_units; /* 0: does not count in units */
  int64_t ask_again;      /* no later than after so many ns, even without a sample; 0: no need */
  uint32_t because_count;
  uint32_t reserved;
  neonvm_because because[NEONVM_MAX_REASONS];
} neonvm_goal;

typedef struct neonvm_policy_table {
  uint64_t size;
  /* Required. An error keeps the VM at its size and is shown. */
  int32_t (*decide)(void* policy, const neonvm_policy_input* input, neonvm_goal* goal, neonvm_error* error);
} neonvm_policy_table;

/* --------------------------------------------------------------------------------------------------------- hypervisor
 * What each call means: core/ports/hypervisor.hpp. A machine is a hold on a VM: machine_close lets go, the VM runs on.
 */
typedef struct neonvm_fixed_reason {
  char text[NEONVM_REASON_SIZE];
} neonvm_fixed_reason;

/* Asked is not got: settled is 1 when nothing more comes by itself; why says why the two differ. */
typedef struct neonvm_cpu_state {
  uint32_t asked_milli_cpu, actual_milli_cpu;
  int32_t settled;
  int32_t reserved;
  neonvm_fixed_reason why;
} neonvm_cpu_state;

typedef struct neonvm_memory_state {
  uint64_t asked, actual; /* bytes */
  int32_t settled;
  int32_t reserved;
  neonvm_fixed_reason why;
} neonvm_memory_state;

enum { NEONVM_TCP = 0, NEONVM_UDP = 1 };

typedef struct neonvm_port {
  neonvm_text name;
  uint16_t guest, host;
  int32_t protocol;
} neonvm_port;

typedef struct neonvm_capability {
  neonvm_text name, detail, next_step;
  int32_t works;
  int32_t reserved;
} neonvm_capability;

typedef struct neonvm_capability_sink {
  void* context;
  void (*take)(void* context, const neonvm_capability* capability);
} neonvm_capability_sink;

typedef struct neonvm_hypervisor_table {
  uint64_t size;
  /* Required. spec: MachineSpec. */
  int32_t (*start)(void* plugin, neonvm_text spec, int64_t deadline, void** machine, neonvm_error* error);
  int32_t (*attach)(void* plugin, neonvm_text spec, int64_t deadline, void** machine, neonvm_error* error);
  void (*machine_close)(void* machine);
  int32_t (*inspect)(void* machine, int64_t deadline, const neonvm_sink* state, neonvm_error* error); /* MachineState */
  int32_t (*want_memory)(void* machine, uint64_t pluggable, int64_t deadline, neonvm_error* error);
  int32_t (*memory)(void* machine, int64_t quiet, int64_t deadline, neonvm_memory_state* state, neonvm_error* error);
  int32_t (*quit)(void* machine, int64_t deadline, neonvm_error* error);
  int32_t (*kill)(void* machine, int64_t deadline, neonvm_error* error);
  /* MachineEvent; none when the deadline came first. */
  int32_t (*next_event)(void* machine, int64_t deadline, const neonvm_sink* event, neonvm_error* error);
  /* Optional. */
  int32_t (*probe)(void* plugin, int64_t deadline, const neonvm_capability_sink* each, neonvm_error* error);
  int32_t (*create_disk)(void* plugin, neonvm_text path, neonvm_text backing, uint64_t bytes, int64_t deadline,
                         neonvm_error* error);
  int32_t (*set_cpus)(void* machine, uint32_t count, int64_t deadline, neonvm_cpu_state* state, neonvm_error* error);
  int32_t (*press_power_button)(void* machine, int64_t deadline, neonvm_error* error);
  int32_t (*pause)(void* machine, int64_t deadline, neonvm_error* error);
  int32_t (*resume)(void* machine, int64_t deadline, neonvm_error* error);
  /* replay: MachineState; gives the address. */
  int32_t (*listen)(void* machine, neonvm_text replay, int64_t deadline, const neonvm_sink* address,
                    neonvm_error* error);
  /* limits: MigrationSpec. */
  int32_t (*migrate_to)(void* machine, neonvm_text address, neonvm_text limits, int64_t deadline, neonvm_error* error);
  int32_t (*migration)(void* machine, int64_t deadline, const neonvm_sink* report, neonvm_error* error);
  int32_t (*cancel_migration)(void* machine, int64_t deadline, neonvm_error* error);
  int32_t (*add_forward)(void* machine, const neonvm_port* port, int64_t deadline, neonvm_error* error);
  int32_t (*remove_forward)(void* machine, const neonvm_port* port, int64_t deadline, neonvm_error* error);
  /* From any thread, also while next_event blocks: that, or else the next one, returns at once. Does not block. */
  int32_t (*wake)(void* machine, neonvm_error* error);
} neonvm_hypervisor_table;

/* ------------------------------------------------------------------------------------------------------- orchestrator
 * What each call means: core/ports/orchestrator.hpp. `object` is Object as JSON.
 */
enum {
  NEONVM_OBJECT_VIRTUAL_MACHINE = 0,
  NEONVM_OBJECT_MIGRATION = 1,
  NEONVM_OBJECT_NODE = 2,
  NEONVM_OBJECT_RUNNER = 3,
  NEONVM_OBJECT_NEIGHBOUR = 4, /* a plugin from before it may refuse it */
  NEONVM_OBJECT_IP_POOL = 5    /* likewise */
};
enum {
  NEONVM_CHANGE_NONE = 0, /* the deadline came first, or wake */
  NEONVM_CHANGE_ADDED = 1,
  NEONVM_CHANGE_CHANGED = 2,
  NEONVM_CHANGE_DELETED = 3, /* the object's last known state */
  NEONVM_CHANGE_SYNCED = 4   /* no object: everything that existed has been delivered */
};

typedef struct neonvm_event_sink {
  void* context;
  void (*take)(void* context, uint64_t sequence, const char* bytes, size_t length); /* Event */
} neonvm_event_sink;

typedef struct neonvm_orchestrator_table {
  uint64_t size;
  /* Required. `list` gives one object a call of its sink. */
  int32_t (*list)(void* plugin, int32_t kind, int64_t deadline, const neonvm_sink* each, neonvm_error* error);
  int32_t (*get)(void* plugin, int32_t kind, neonvm_text name, int64_t deadline, const neonvm_sink* object,
                 neonvm_error* error);
  int32_t (*create)(void* plugin, neonvm_text object, int64_t deadline, const neonvm_sink* stored, neonvm_error* error);
  int32_t (*update)(void* plugin, neonvm_text object, int64_t deadline, const neonvm_sink* stored, neonvm_error* error);
  int32_t (*update_status)(void* plugin, neonvm_text object, int64_t deadline, const neonvm_sink* stored,
                           neonvm_error* error);
  int32_t (*remove)(void* plugin, int32_t kind, neonvm_text name, int64_t deadline, neonvm_error* error);
  int32_t (*watch)(void* plugin, int32_t kind, int64_t deadline, void** watch, neonvm_error* error);
  int32_t (*watch_next)(void* watch, int64_t deadline, int32_t* change, const neonvm_sink* object, neonvm_error* error);
  void (*watch_wake)(void* watch); /* from any thread, also while watch_next blocks */
  void (*watch_close)(void* watch);
  int32_t (*start_runner)(void* plugin, neonvm_text object, int64_t deadline, const neonvm_sink* stored,
                          neonvm_error* error);
  int32_t (*stop_runner)(void* plugin, neonvm_text name, int64_t grace, int64_t deadline, neonvm_error* error);
  int32_t (*hold_lease)(void* plugin, neonvm_text name, neonvm_text holder, int64_t ttl, int64_t deadline,
                        int32_t* held, neonvm_error* error);
  int32_t (*release_lease)(void* plugin, neonvm_text name, neonvm_text holder, int64_t deadline, neonvm_error* error);
  /* Optional. */
  int32_t (*record)(void* plugin, neonvm_text event, int64_t deadline, neonvm_error* error);
  int32_t (*events)(void* plugin, uint64_t after, int64_t deadline, const neonvm_event_sink* each, neonvm_error* error);
  int32_t (*wait_events)(void* plugin, uint64_t after, int64_t deadline, const neonvm_event_sink* each,
                         neonvm_error* error);
  int32_t (*vm_directory)(void* plugin, neonvm_text vm, const neonvm_sink* path, neonvm_error* error);
  /* RunnerAccess; without this call the doors of runners are Unix sockets. */
  int32_t (*runner_access)(void* plugin, neonvm_text vm, int64_t deadline, const neonvm_sink* access, neonvm_error* error);
  /* Authority. */
  int32_t (*webhook_authority)(void* plugin, int64_t deadline, const neonvm_sink* authority, neonvm_error* error);
  /* `each`: a Runner of that VM, or more; without this call all are listed. */
  int32_t (*list_runners)(void* plugin, neonvm_text vm, int64_t deadline, const neonvm_sink* each, neonvm_error* error);
  int32_t (*bind_pod)(void* plugin, neonvm_text pod, neonvm_text uid, neonvm_text node, int64_t deadline, neonvm_error* error);
  /* RunnerAccess, of the scheduler's doors. */
  int32_t (*scheduler_access)(void* plugin, int64_t deadline, const neonvm_sink* access, neonvm_error* error);
  /* `again`: nanoseconds; below 0: only when the VM's wish has changed, as without this call. */
  int32_t (*tend)(void* plugin, neonvm_text vm, int64_t deadline, int64_t* again, neonvm_error* error);
  /* `piece`: text, as it comes; lines below 0: all. */
  int32_t (*runner_log)(void* plugin, neonvm_text runner, int64_t lines, int32_t follow, int64_t deadline, const neonvm_sink* piece,
                        neonvm_error* error);
  /* came: 0 or 1. */
  int32_t (*show_room)(void* plugin, neonvm_text node, const neonvm_resources* free, int32_t came, int64_t deadline,
                       neonvm_error* error);
  /* place: ServicePlace. */
  int32_t (*lead_service)(void* plugin, neonvm_text place, int64_t deadline, neonvm_error* error);
} neonvm_orchestrator_table;

#ifdef __cplusplus
}
#endif

#endif
