// VmSpec, VmStatus: what a VM should be and what it is. The nouns behind the VirtualMachine object.
//
// The JSON form is upstream's vm.neon.tech/v1 VirtualMachine, field for field (reference: neonvm.md 1.4, 1.5), with
// memory held here in bytes instead of slots. What a desk adds (a port on the host, a policy's name) lives in
// annotations, so that one manifest works in both places.
//
// Fixed once the VM exists: what forbidden_changes() names. Never fixed: cpu.use, memory.use, scaling, restart_policy and
// stopped. What is in neither (kernel, node_selector, grace, …) counts from the next start. violations() states the rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/revision.hpp"
#include "core/model/scaling_config.hpp"

namespace neonvm {

enum class RestartPolicy { always, on_failure, never };
enum class CpuScalingMode { sysfs, qmp };  // SysfsScaling: online/offline in the guest; QmpScaling: device_add
enum class Protocol { tcp, udp };

struct CpuRange {
  MilliCpu min{1000}, use{1000}, max{1000};

  friend bool operator==(const CpuRange&, const CpuRange&) = default;
};

struct MemoryRange {
  Bytes min{512 * mib}, use{512 * mib}, max{512 * mib};
  Bytes slot_size{128 * mib};  // granularity of every size; multiple of 8 MiB

  friend bool operator==(const MemoryRange&, const MemoryRange&) = default;
};

struct Port {
  std::string name;
  std::uint16_t guest = 0;
  std::uint16_t host = 0;  // 0: not forwarded on this host
  Protocol protocol = Protocol::tcp;

  friend bool operator==(const Port&, const Port&) = default;
};

struct EnvVar {
  std::string name, value;

  friend bool operator==(const EnvVar&, const EnvVar&) = default;
};

enum class DiskSource { empty, config_map, secret, tmpfs, image };

// One key of a ConfigMap or Secret and where it is to be in the folder.
struct FileItem {
  std::string key, path;
  std::optional<std::uint32_t> mode;

  friend bool operator==(const FileItem&, const FileItem&) = default;
};

struct Disk {
  std::string name;        // at most 32 characters, unique, none of upstream's reserved names
  std::string mount_path;
  DiskSource source = DiskSource::empty;
  bool read_only = false;
  bool watch = false;
  Bytes size;              // empty, tmpfs
  bool discard = false;
  bool quotas = false;
  std::string reference;   // name of the ConfigMap or Secret, or at the desk a path of the host; path of the image
  std::vector<FileItem> items;               // configMap, secret: only these; empty: all
  bool optional = false;                     // configMap, secret: need not be there
  std::optional<std::uint32_t> default_mode; // configMap, secret

  friend bool operator==(const Disk&, const Disk&) = default;
};

// How the VM scales by itself. From labels and annotations (autoscaling.md 1.1) and neonvm.dev/policy.
struct Scaling {
  bool enabled = false;
  std::string policy = "default";            // plugin name or path
  std::map<std::string, std::string> policy_options;
  ScalingConfig config;                      // overrides of the agent's defaults
  std::optional<Resources> bound_min, bound_max;  // autoscaling.neon.tech/bounds
  bool may_migrate = false;                  // auto-migration-enabled

  friend bool operator==(const Scaling&, const Scaling&) = default;
};

struct VmSpec {
  CpuRange cpu;
  MemoryRange memory;
  std::string root_image;                    // empty: the default guest. At the desk a path, in a cluster an image name
  std::optional<Bytes> root_size;            // grow-only
  std::string kernel;                        // empty: default
  std::string kernel_cmdline;                // appended
  std::vector<std::string> command, args;
  std::vector<EnvVar> env;
  std::vector<Port> ports;
  std::vector<Disk> disks;
  std::vector<std::string> sysctl;
  std::optional<Bytes> swap;
  RestartPolicy restart_policy = RestartPolicy::always;
  Duration grace = std::chrono::seconds(5);  // terminationGracePeriodSeconds
  bool acceleration = true;                  // KVM if usable
  bool ssh = true;                           // enableSSH: `neonvm ssh` may make keys for it
  std::optional<CpuScalingMode> cpu_scaling_mode;  // unset: the controller chooses
  bool overlay = false;                      // extraNetwork.enable: a second card, in the network that VMs of all nodes share
  std::map<std::string, std::string> node_selector;
  std::optional<Revision> target_revision;
  WallTime target_revision_at{};             // when it was set: upstream's targetRevision carries both
  Scaling scaling;
  bool stopped = false;                      // `neonvm stop`: keep the object and its disk, run nothing

  [[nodiscard]] Resources min() const { return {cpu.min, memory.min}; }
  [[nodiscard]] Resources use() const { return {cpu.use, memory.use}; }
  [[nodiscard]] Resources max() const { return {cpu.max, memory.max}; }

  friend bool operator==(const VmSpec&, const VmSpec&) = default;
};

// Every violation, each "spec.guest.cpus.min: 0.01 is below 0.05; give 0.05 to 512". Empty: valid.
std::vector<std::string> violations(const VmSpec& spec);
// Those of spec.disks alone.
std::vector<std::string> disk_violations(const std::vector<Disk>& disks);
// "/data//x/" and "/data/./x" are one place; empty: no absolute path, or one with "..".
std::string plain_path(std::string_view path);
// What may not change on an update, each named by its field. Empty: allowed.
std::vector<std::string> forbidden_changes(const VmSpec& before, const VmSpec& after);

enum class Phase { none, pending, running, scaling, pre_migrating, migrating, succeeded, failed, stopped };

const char* to_string(Phase phase);  // upstream's strings: "", "Pending", "Running", …; ours adds "Stopped"
std::optional<Phase> phase_from(std::string_view text);
// A QEMU exists or should.
bool is_alive(Phase phase);

// Asked is not got. `settled`: nothing more will come by itself, and `why` says why asked and actual differ.
struct CpuState {
  MilliCpu asked, actual;
  bool settled = true;
  std::string why;

  friend bool operator==(const CpuState&, const CpuState&) = default;
};
struct MemoryState {
  Bytes asked, actual;
  bool settled = true;
  std::string why;

  friend bool operator==(const MemoryState&, const MemoryState&) = default;
};

// Of one configMap or secret disk. why: empty when the guest has what the host has.
struct FilesState {
  std::string name, why;

  friend bool operator==(const FilesState&, const FilesState&) = default;
};

// What the image's own check (HEALTHCHECK) says of the workload; none: it has no check, or nothing was heard yet.
enum class Health { none, starting, healthy, unhealthy };
const char* to_string(Health health);

struct WorkloadHealth {
  Health state = Health::none;
  std::string why;                   // of the last failure: "exit code 1: connection refused"

  friend bool operator==(const WorkloadHealth&, const WorkloadHealth&) = default;
};

struct Condition {
  std::string type;     // "Available", "Degraded"
  bool value = false;
  std::string reason, message;
  WallTime since{};

  friend bool operator==(const Condition&, const Condition&) = default;
};

// In the network that VMs of all nodes share: "10.100.128.0", "255.255.0.0". Both empty: none.
struct OverlayAddress {
  std::string ip, mask;

  [[nodiscard]] bool empty() const { return ip.empty(); }
  friend bool operator==(const OverlayAddress&, const OverlayAddress&) = default;
};

struct VmStatus {
  Phase phase = Phase::none;
  std::string why;                   // why it is in this phase, for people: "no node has 4 CPU free"
  CpuState cpu;
  MemoryState memory;
  std::optional<MemoryState> swap;   // none: the machine has no swap disk
  std::vector<FilesState> files;     // that the host keeps in the guest
  std::string node;
  std::string runner;                // name of the current runner object
  std::string endpoint;              // how to reach that runner
  std::string migration;             // name of the migration under way
  std::uint32_t restarts = 0;
  std::optional<WallTime> restart_at;  // backoff: not started again before
  std::string last_exit;             // "guest powered off", "guest panicked", "QEMU killed by signal 9"
  bool guest_connected = false;      // the monitor in the guest answers
  std::string guest_version;
  WorkloadHealth health;
  std::string clock_news;            // the guest's clock was more than 0.5 s off, and how it was put right; the last time
  bool clock_warning = false;        // it was set back
  std::vector<std::string> notices;  // what the guest's hooks think people should know: "postgres: … wants a restart"
  std::string accelerator;           // "kvm", "tcg"
  OverlayAddress overlay;            // kept over restarts and moves
  std::optional<Revision> current_revision;
  WallTime current_revision_at{};
  std::vector<Condition> conditions;

  friend bool operator==(const VmStatus&, const VmStatus&) = default;
};

enum class MigrationPhase { none, pending, running, succeeded, failed, cancelled };
const char* to_string(MigrationPhase phase);
std::optional<MigrationPhase> migration_phase_from(std::string_view text);

struct MigrationSpec {
  std::string vm;
  std::string target_node;           // empty: the scheduler chooses
  bool prevent_same_node = true;
  bool allow_post_copy = false;
  bool cancel = false;               // a wish to stop it, honoured until the point of no return
  Duration timeout = std::chrono::minutes(10);
  std::uint64_t max_bandwidth = 0;   // bytes/s; 0: no limit

  friend bool operator==(const MigrationSpec&, const MigrationSpec&) = default;
};

struct MigrationProgress {
  std::string step;                  // "preparing target", "copying", "switching over", "cleaning up", "undoing: …"
  Bytes total, remaining, transferred;
  Duration total_time{}, downtime{};
  std::uint64_t dirty_rate = 0;      // bytes/s

  friend bool operator==(const MigrationProgress&, const MigrationProgress&) = default;
};

struct MigrationStatus {
  MigrationPhase phase = MigrationPhase::none;
  std::string why;
  std::string source_node, target_node;
  std::string source_runner, target_runner;
  MigrationProgress progress;
  WallTime started{}, ended{};

  friend bool operator==(const MigrationStatus&, const MigrationStatus&) = default;
};

}  // namespace neonvm
