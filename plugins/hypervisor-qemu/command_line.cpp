#include "plugins/hypervisor-qemu/command_line.hpp"

#include "plugins/hypervisor-qemu/forwards.hpp"

#include <algorithm>
#include <climits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/wire/guest_plan.hpp"
#include "plugins/hypervisor-qemu/named_descriptors.hpp"

namespace neonvm::qemu {

namespace {
using Json = nlohmann::json;
using Argv = std::vector<std::string>;

// A reset ends QEMU and is told as a reset; a panic is told by pvpanic and then ends it.
constexpr const char* ends = "reboot=shutdown,shutdown=poweroff,panic=shutdown";

void add(Argv& argv, std::initializer_list<std::string> words) { argv.insert(argv.end(), words); }

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string number(std::uint64_t value) { return std::to_string(value); }

void add_identity(Argv& argv, const MachineSpec& spec) {
  // The kernel shows 15 characters of it: "ps" tells which VM a QEMU is.
  add(argv, {"-name", "guest=" + escape_commas(spec.name) + ",process=" + escape_commas("neonvm:" + spec.name) +
                          ",debug-threads=on"});
  if (!spec.uuid.empty()) add(argv, {"-uuid", spec.uuid});
}

void add_hardening(Argv& argv) {
  add(argv, {"-nodefaults", "-no-user-config", "-display", "none", "-only-migratable", "-msg", "timestamp=on"});
  add(argv, {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  add(argv, {"-action", ends});
}

void add_board(Argv& argv, const MachineSpec& spec, const LaunchFacts& facts, const Settings& settings) {
  add(argv, {"-machine", facts.machine_type + ",memory-backend=ram0,vmport=off,dump-guest-core=off,usb=off"});
  add(argv, {"-accel", facts.kvm ? "kvm" : "tcg,thread=multi"});
  const std::string fallback = facts.kvm ? "host" : "max";
  add(argv, {"-cpu", settings.cpu.empty() ? fallback : settings.cpu});
  const std::string slots = number(spec.max_cpus);
  add(argv, {"-smp", "cpus=" + number(spec.boot_cpus) + ",maxcpus=" + slots + ",sockets=1,dies=1,cores=" + slots +
                         ",threads=1"});
}

void add_memory(Argv& argv, const MachineSpec& spec, const LaunchFacts& facts, const Settings& settings) {
  const Bytes base = base_memory_for(spec.base_memory, facts.kvm);
  const std::string backend = settings.memory_backend == "memfd" ? "memory-backend-memfd" : "memory-backend-ram";
  std::string size = "size=" + number(base.value / kib) + "K";
  // A slot that stays empty: it gives the room in which the device is aligned, and the NUMA node that it hangs on.
  if (spec.pluggable_memory.value > 0) {
    size += ",slots=1,maxmem=" + number((base + spec.pluggable_memory).value / kib) + "K";
  }
  add(argv, {"-m", size, "-object", backend + ",id=ram0,size=" + number(base.value)});
}

void add_pluggable_memory(Argv& argv, const MachineSpec& spec, const Settings& settings) {
  if (spec.pluggable_memory.value == 0) return;
  const std::string backend = settings.memory_backend == "memfd" ? "memory-backend-memfd" : "memory-backend-ram";
  add(argv, {"-object", backend + ",id=vmem0,reserve=off,size=" + number(spec.pluggable_memory.value)});
  add(argv, {"-device", std::string("virtio-mem-pci,id=") + memory_device_id + ",memdev=vmem0,block-size=" +
                            number(spec.memory_block.value) + ",requested-size=" +
                            number(round_up(spec.plugged_at_start, spec.memory_block.value).value)});
}

// Where QEMU listens: a descriptor that it inherits, or a path that it makes.
struct Listeners {
  std::string monitor, oob_monitor, guest, console;
};

void add_monitors(Argv& argv, const Listeners& at) {
  add(argv, {"-chardev", "socket,id=monitor," + at.monitor + ",server=on,wait=off"});
  add(argv, {"-mon", "chardev=monitor,mode=control"});
  // A second one, so that somebody can look while the first is held, and for out-of-band commands.
  add(argv, {"-chardev", "socket,id=monitor-oob," + at.oob_monitor + ",server=on,wait=off"});
  add(argv, {"-mon", "chardev=monitor-oob,mode=control"});
}

void add_serial(Argv& argv, const MachineSpec& spec, const Listeners& at) {
  const std::string log =
      spec.console_log.empty() ? "" : ",logfile=" + escape_commas(spec.console_log) + ",logappend=on";
  if (!spec.console_socket.empty()) {
    add(argv, {"-chardev", "socket,id=console," + at.console + ",server=on,wait=off" + log});
  } else {
    add(argv, {"-chardev", "null,id=console" + log});
  }
  add(argv, {"-serial", "chardev:console"});
  if (spec.guest_socket.empty()) return;
  add(argv, {"-device", "virtio-serial-pci,id=serial0"});
  add(argv, {"-chardev", "socket,id=guest," + at.guest + ",server=on,wait=off"});
  add(argv, {"-device", "virtserialport,id=guestport,bus=serial0.0,nr=1,chardev=guest,name=tech.neon.guest.0"});
}

void add_small_devices(Argv& argv) {
  add(argv, {"-object", "rng-builtin,id=rng0", "-device", "virtio-rng-pci,id=rng,rng=rng0"});
  add(argv, {"-device", "pvpanic-pci,id=panic"});
}

void add_disk(Argv& argv, const MachineDisk& disk, bool first) {
  const std::string file_node = "file-" + disk.id;
  const std::string discard = disk.discard ? "unmap" : "ignore";
  Json file = {{"driver", "file"}, {"node-name", file_node}, {"filename", disk.path},
               // "on" and not "auto": an image on a file system without locks must not be opened unguarded.
               {"locking", "on"},   {"discard", discard},     {"read-only", disk.read_only}};
  Json format = {{"driver", disk.format}, {"node-name", "disk-" + disk.id}, {"file", file_node},
                 {"discard", discard},    {"read-only", disk.read_only}};
  add(argv, {"-blockdev", text(file), "-blockdev", text(format)});
  // Without room for it on the host a guest's write stops the guest; it is not told of an error that would end its
  // file system.
  std::string device = "virtio-blk-pci,id=dev-" + disk.id + ",drive=disk-" + disk.id + ",serial=" + disk.id;
  device += disk.read_only ? "" : ",werror=enospc";
  if (first) device += ",bootindex=1";
  add(argv, {"-device", device});
}

void add_network(Argv& argv, const MachineNetwork& network, std::size_t index, bool incoming) {
  const std::string id = network_id(index);
  if (network.kind == NetworkKind::user) {
    std::string backend = "user,id=" + id + ",ipv6=off,restrict=" + (network.restrict_egress ? "on" : "off");
    for (const Port& port : network.forwards) {
      // The source of a migration still has the ports: the target gets them when it is made the one that runs.
      if (port.host == 0 || incoming) continue;
      backend += ",hostfwd=" + escape_commas(host_end(network, port)) + "-:" + number(port.guest);
    }
    add(argv, {"-netdev", backend});
  } else {
    const auto open_tap = named_descriptor(network.tap);
    const std::string tap = open_tap ? "fd=" + number(static_cast<std::uint64_t>(*open_tap))
                                     : "ifname=" + escape_commas(network.tap) + ",script=no,downscript=no";
    add(argv, {"-netdev", "tap,id=" + id + "," + tap});
  }
  std::string device = "virtio-net-pci,id=nic" + number(index) + ",netdev=" + id + ",romfile=";
  if (!network.mac.empty()) device += ",mac=" + escape_commas(network.mac);
  if (network.mtu != 0) device += ",host_mtu=" + number(network.mtu);
  add(argv, {"-device", device});
}

// Read by the guest's init, whoever loads its kernel; nothing in it is secret.
void add_guest_plan(Argv& argv, const GuestPlan& plan) {
  if (plan.empty()) return;
  add(argv, {"-fw_cfg", std::string("name=") + wire::guest_plan_item + ",string=" + escape_commas(wire::encode(plan))});
}

void add_boot(Argv& argv, const MachineSpec& spec) {
  if (spec.kernel.empty()) return;
  add(argv, {"-kernel", spec.kernel});
  if (!spec.initrd.empty()) add(argv, {"-initrd", spec.initrd});
  std::string cmdline = spec.cmdline;
  const bool fewer = spec.cpu_mode == CpuScalingMode::sysfs && spec.online_cpus < spec.boot_cpus;
  if (fewer && (" " + cmdline).find(" maxcpus=") == std::string::npos) {
    cmdline += (cmdline.empty() ? "" : " ") + ("maxcpus=" + number(spec.online_cpus));
  }
  if (!cmdline.empty()) add(argv, {"-append", cmdline});
}

Error wrong(const std::string& field, const std::string& why) {
  return Error{Code::invalid_argument, "machine." + field + ": " + why};
}

// A stream in the clear would give the guest's memory to whoever listens, and take any from whoever calls.
Status check_migration(const MachineSpec& spec) {
  if (!spec.tls_dir.empty() && !spec.tls_dir.starts_with('/')) return wrong("tlsDir", "must be absolute");
  if (spec.migration_host.empty()) return {};
  if (spec.tls_dir.empty()) return wrong("migrationHost", "needs certificates: tlsDir is empty");
  if (spec.migration_port < 1 || spec.migration_port > 65534) return wrong("migrationPort", "must be 1 to 65534");
  return {};
}

Status check_disks(const MachineSpec& spec) {
  std::set<std::string> ids;
  for (const MachineDisk& disk : spec.disks) {
    const bool plain = !disk.id.empty() && std::ranges::all_of(disk.id, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain || disk.id.size() > 20) return wrong("disks", "id \"" + disk.id + "\" must be 1 to 20 of a-z 0-9 - _");
    if (!ids.insert(disk.id).second) return wrong("disks", "id \"" + disk.id + "\" is there twice");
    if (disk.format != "qcow2" && disk.format != "raw") {
      return wrong("disks." + disk.id + ".format", "\"" + disk.format + "\" must be qcow2 or raw");
    }
    if (!disk.path.starts_with('/')) return wrong("disks." + disk.id + ".path", "must be absolute");
    if (named_descriptor(disk.path).value_or(INT_MAX) <= lock_fd || named_descriptor(disk.backing).value_or(INT_MAX) <= lock_fd) {
      return wrong("disks." + disk.id, "descriptors up to " + number(lock_fd) + " are QEMU's own");
    }
  }
  return {};
}

Status check_networks(const MachineSpec& spec) {
  for (const MachineNetwork& network : spec.networks) {
    if (network.kind != NetworkKind::tap) continue;
    if (network.tap.empty()) return wrong("networks", "a tap has no name" + (network.port.empty() ? std::string() : ", and none came from " + network.port));
    if (named_descriptor(network.tap).value_or(INT_MAX) <= lock_fd) return wrong("networks", "descriptors up to " + number(lock_fd) + " are QEMU's own");
    if (network.mtu != 0 && (network.mtu < 68 || network.mtu > 65535)) return wrong("networks", "an MTU must be 68 to 65535");
  }
  return {};
}
}  // namespace

std::string network_id(std::size_t index) { return "net" + number(index); }

std::string escape_commas(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    escaped += c;
    if (c == ',') escaped += ',';
  }
  return escaped;
}

Bytes base_memory_for(Bytes wanted, bool kvm) {
  const bool even = wanted.value % (256 * kib) == 0;
  return kvm || !even ? wanted : wanted + Bytes{8 * kib};
}

Status check(const MachineSpec& spec) {
  if (!spec.run_dir.starts_with('/')) return wrong("runDir", "must be absolute");
  if (spec.name.empty()) return wrong("name", "must not be empty");
  if (spec.max_cpus < 1 || spec.max_cpus > 288) return wrong("maxCpus", "must be 1 to 288");
  if (spec.boot_cpus < 1 || spec.boot_cpus > spec.max_cpus) return wrong("bootCpus", "must be 1 to maxCpus");
  if (spec.base_memory < Bytes{64 * mib} || spec.base_memory.value % (8 * kib) != 0) {
    return wrong("baseMemory", "must be at least 64Mi and a multiple of 8Ki");
  }
  const std::uint64_t block = spec.memory_block.value;
  if (block < mib || (block & (block - 1)) != 0) return wrong("memoryBlock", "must be a power of two, at least 1Mi");
  if (spec.pluggable_memory.value % block != 0) return wrong("pluggableMemory", "must be a multiple of memoryBlock");
  if (spec.plugged_at_start > spec.pluggable_memory) return wrong("pluggedAtStart", "is more than pluggableMemory");
  if (auto valid = check_migration(spec); !valid) return valid;
  if (auto valid = check_networks(spec); !valid) return valid;
  return check_disks(spec);
}

namespace {
// All that hangs on the board, and what is the same whoever starts QEMU.
void add_devices(Argv& argv, const MachineSpec& spec, const Settings& settings, const Listeners& at) {
  add_pluggable_memory(argv, spec, settings);
  add_monitors(argv, at);
  add_serial(argv, spec, at);
  add_small_devices(argv);
  for (const MachineDisk& disk : spec.disks) add_disk(argv, disk, &disk == spec.disks.data());
  std::size_t index = 0;
  for (const MachineNetwork& network : spec.networks) {
    if (network.kind != NetworkKind::none) add_network(argv, network, index, spec.incoming);
    ++index;
  }
  add_guest_plan(argv, spec.guest);
  add_boot(argv, spec);
}

std::string inherited(int fd) { return "fd=" + number(static_cast<std::uint64_t>(fd)); }
std::string made(const std::string& path) { return "path=" + escape_commas(path); }
}  // namespace

Result<std::vector<std::string>> command_line(const MachineSpec& spec, const LaunchFacts& facts,
                                              const Settings& settings) {
  if (auto valid = check(spec); !valid) return valid.error();
  Argv argv{facts.binary};
  add_identity(argv, spec);
  add_hardening(argv);
  add_board(argv, spec, facts, settings);
  add_memory(argv, spec, facts, settings);
  add_devices(argv, spec, settings,
              {inherited(monitor_fd), inherited(oob_monitor_fd), inherited(guest_fd), inherited(console_fd)});
  if (spec.incoming) add(argv, {"-S", "-incoming", "defer"});
  argv.insert(argv.end(), spec.extra_args.begin(), spec.extra_args.end());
  return argv;
}

Result<std::vector<std::string>> passed_through(const MachineSpec& spec, const Settings& settings,
                                                const std::string& monitor, const std::string& oob_monitor) {
  if (auto valid = check(spec); !valid) return valid.error();
  Argv argv;
  if (!spec.uuid.empty()) add(argv, {"-uuid", spec.uuid});
  add(argv, {"-only-migratable", "-action", ends});
  add_devices(argv, spec, settings, {made(monitor), made(oob_monitor), made(spec.guest_socket), made(spec.console_socket)});
  if (spec.incoming) add(argv, {"-incoming", "defer"});
  argv.insert(argv.end(), spec.extra_args.begin(), spec.extra_args.end());
  return argv;
}

}  // namespace neonvm::qemu
