// MachineSpec: one VM as a hypervisor needs to know it; Machine*: what a hypervisor says of one.
//
// Made by the controller from a VmSpec, stored in the runner's files, read by the runner and the hypervisor plugin. It
// names files by absolute path and holds no secret. The same spec must be given to the target of a migration, with
// another run_dir (and, when it carries its disks, other paths of them): QEMU compares machine types, sizes and slots and refuses a difference.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/guest_plan.hpp"
#include "core/model/resources.hpp"
#include "core/model/vm.hpp"

namespace neonvm {

enum class Accelerator { automatic, kvm, tcg };

struct MachineDisk {
  std::string id;                 // "root", "d0", …
  // qcow2 or raw, opened with QEMU's image lock on. It and `backing` may be "/proc/self/fd/N", N above 7: a file that whoever
  // starts the machine holds open, with or without a name. QEMU gets it under that number, in every later life, too.
  std::string path;
  std::string format;             // "qcow2", "raw"
  bool read_only = false;
  bool discard = false;
  // Made by the runner when `path` is not there yet: over `backing`, or empty of `size` when that is "". Both unset: must exist.
  std::string backing;
  Bytes size;                     // at least so large; 0: as large as the backing image

  friend bool operator==(const MachineDisk&, const MachineDisk&) = default;
};

enum class NetworkKind { none, user, tap };

struct MachineNetwork {
  NetworkKind kind = NetworkKind::user;
  std::string mac;                // "02:…"; the same on both sides of a migration
  // tap: name of an existing device that the runner's user may open, or "/proc/self/fd/N", N above 7: one that whoever starts the machine
  // holds open, as of a disk. Empty until the runner has it from `port`.
  std::string tap;
  std::vector<Port> forwards;     // user: host port -> guest port
  bool restrict_egress = true;    // user: the guest reaches nothing outside (lab-virt.md 3)
  std::string forward_address{};  // of the host ports, numeric; empty: 127.0.0.1
  std::string port{};             // Unix socket at which a node's overlay hands over the tap; empty: nobody does
  std::uint32_t mtu = 0;          // tap: what the guest is told of it; 0: nothing
  std::string address{};          // with `port`: the guest's own there, and no other may come from it; empty: any may

  friend bool operator==(const MachineNetwork&, const MachineNetwork&) = default;
};

// Files of the host that the runner keeps the same in the guest. A folder gives all its files, a file itself.
struct MachineFiles {
  std::string name;               // of the guest plan's mount
  std::string source;             // absolute path on the host
  bool secret = false;
  bool optional = false;          // need not be there
  bool watch = false;             // changes follow; without, what was there at the start stays
  std::uint32_t mode = 0644;      // of files that `items` gives no mode
  std::vector<FileItem> items;    // empty: all

  friend bool operator==(const MachineFiles&, const MachineFiles&) = default;
};

struct MachineSpec {
  std::string name;               // VM name, for process titles and logs
  std::string uuid;               // SMBIOS uuid
  std::string run_dir;            // absolute, 0700: sockets of this machine. The file `lock` in it is open in the machine's
                                  // process for as long as that lives: by it an orchestrator finds what a dead runner left
  std::string machine_type;       // "pc-q35-7.2"; empty: the plugin's default, which inspect() then tells
  Accelerator accelerator = Accelerator::automatic;

  std::uint32_t max_cpus = 1;     // slots
  std::uint32_t boot_cpus = 1;    // CPUs present at power-on: max_cpus with sysfs, fewer with qmp
  std::uint32_t online_cpus = 1;  // sysfs: how many the kernel brings up at boot (maxcpus=)
  CpuScalingMode cpu_mode = CpuScalingMode::sysfs;

  Bytes base_memory{512 * mib};   // fixed part; the plugin may add KiB (TCG, lab-virt.md 0.1)
  Bytes pluggable_memory{0};      // size of the virtio-mem device; multiple of memory_block
  Bytes memory_block{2 * mib};
  Bytes plugged_at_start{0};      // wish for the virtio-mem device from the first moment

  std::string kernel, initrd, cmdline;  // empty kernel: boot from the root disk's firmware
  std::vector<MachineDisk> disks;
  std::vector<MachineNetwork> networks;
  GuestPlan guest;                // for the guest's init
  std::vector<MachineFiles> files;
  std::string guest_socket;       // host end of the virtio-serial port "tech.neon.guest.0"
  std::string console_socket;     // host end of the guest's console
  std::string console_log;        // everything that the console prints is appended here
  bool incoming = false;          // start paused, waiting for a migration
  // Its writable disks are its own: a migration carries them to the target's own files, which must be there, as large and
  // with the same backing. What is read-only, and what lies below a qcow2, is the same on both sides already.
  // Off: both sides open the same files.
  bool carries_disks = false;
  std::string tls_dir;            // ca-cert.pem and {server,client}-{cert,key}.pem, read when needed; empty: Unix sockets only
  // Where a target listens, with TLS, for a source whose certificate is of the same CA; the disks one port higher
  // (1..65534). Empty: a Unix socket in run_dir. A host without tls_dir is refused.
  std::string migration_host;
  std::uint16_t migration_port = 0;
  std::string tls_name;           // that the target's certificate must be for; empty: the host of its address
  std::string tls_peer;           // whose a source's certificate must be, "CN=…"; empty: anybody's of the same CA
  std::vector<std::string> extra_args;  // for experts; appended unchanged

  friend bool operator==(const MachineSpec&, const MachineSpec&) = default;
};

enum class MachinePhase { starting, running, paused, incoming, migrated_away, shut_down, panicked, gone };
const char* to_string(MachinePhase phase);

struct MachineState {
  MachinePhase phase = MachinePhase::starting;
  std::int64_t pid = 0;
  std::string accelerator;        // "kvm", "tcg"
  std::string machine_type;
  std::string version;            // the hypervisor's, "QEMU 7.2.22"
  std::uint32_t cpus_present = 0; // slots filled; online is the guest's word, not ours
  std::vector<std::uint32_t> cpu_slots;  // their numbers, rising; empty: the lowest `cpus_present`
  Bytes base_memory, plugged_memory, plugged_wish;
  Duration migration_downtime{};

  friend bool operator==(const MachineState&, const MachineState&) = default;
};

enum class MigrationState { none, setup, active, switching, completed, failed, cancelled };
const char* to_string(MigrationState state);

struct MigrationReport {
  MigrationState state = MigrationState::none;
  MigrationProgress progress;
  std::string why;                // of failed

  friend bool operator==(const MigrationReport&, const MigrationReport&) = default;
};

enum class MachineEventKind {
  memory_changed,     // virtio-mem moved: `memory` is the plugged size now
  cpus_changed,       // a slot was filled or emptied, or a request for it was refused (why)
  shutdown_requested, // the guest was told to power off
  powered_off,        // clean power-off by the guest, or by quit()
  reset,              // the guest rebooted
  panicked,           // the guest's kernel panicked
  paused, resumed,
  migration,          // `migration` changed
  gone,               // the process ended; why says how; always the last event
};

struct MachineEvent {
  MachineEventKind kind = MachineEventKind::gone;
  Bytes memory;
  MigrationReport migration;
  std::string why;

  friend bool operator==(const MachineEvent&, const MachineEvent&) = default;
};

// What works on this machine, found by trying, not by guessing. `next_step` is for people, empty when it works.
struct Capability {
  std::string name;               // "kvm", "virtio-mem", "cpu-unplug", "user-network", "live-migration"
  bool works = false;
  std::string detail;
  std::string next_step;

  friend bool operator==(const Capability&, const Capability&) = default;
};

}  // namespace neonvm
