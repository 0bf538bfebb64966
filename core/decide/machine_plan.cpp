#include "core/decide/machine_plan.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "core/decide/guest_planning.hpp"
#include "core/decide/pod_network.hpp"

namespace neonvm::decide {
namespace {

// FNV-1a, 64 bits, from a start of its own for each word that is drawn.
std::uint64_t hash(std::string_view text, std::uint64_t start) {
  std::uint64_t value = 14695981039346656037ULL ^ start;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  return value ^ (value >> 29);
}

void append(std::string& cmdline, const std::string& words) {
  if (words.empty()) return;
  if (!cmdline.empty()) cmdline += ' ';
  cmdline += words;
}

// A value of the kernel's command line: quoted, because it may have blanks. It cannot hold a quote (kernel's rule).
Result<std::string> parameter(const std::string& name, const std::string& value, const std::string& field) {
  const bool writable = std::none_of(value.begin(), value.end(), [](char c) { return c == '"' || (c >= 0 && c < ' '); });
  if (!writable) {
    return Error{Code::invalid_argument, field + ": \"" + value + "\" has a double quote or a control character, which a " +
                                             "kernel command line cannot carry"};
  }
  return name + "=\"" + value + "\"";
}

// One word of a command, so that guest/kernel_cmdline's split_words gives it back.
std::string quoted_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:=,+@%").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

const char* exit_rule(RestartPolicy policy) { return policy == RestartPolicy::always ? "restart" : "poweroff"; }

Status add_workload(const VmSpec& spec, std::string& cmdline) {
  std::string command;
  for (const auto* words : {&spec.command, &spec.args}) {
    for (const std::string& word : *words) command += (command.empty() ? "" : " ") + quoted_word(word);
  }
  if (!command.empty()) {
    auto run = parameter("neonvm.run", command, "spec.guest.command");
    if (!run) return run.error();
    append(cmdline, *run);
  }
  // An image brings its own command; environment and restart policy are the VM's all the same.
  const bool usual = command.empty() && spec.restart_policy == RestartPolicy::always;
  if (!usual) append(cmdline, std::string("neonvm.exit=") + exit_rule(spec.restart_policy));
  for (const EnvVar& variable : spec.env) {
    auto env = parameter("neonvm.env", variable.name + "=" + variable.value, "spec.guest.env." + variable.name);
    if (!env) return env.error();
    append(cmdline, *env);
  }
  return {};
}

void plan_size(const VmSpec& spec, MachineSpec& machine) {
  machine.cpu_mode = spec.cpu_scaling_mode.value_or(CpuScalingMode::sysfs);
  machine.max_cpus = std::max(spec.cpu.max.whole_cpus(), 1U);
  machine.online_cpus = std::clamp(spec.cpu.use.whole_cpus(), 1U, machine.max_cpus);
  const bool sysfs = machine.cpu_mode == CpuScalingMode::sysfs;
  // A slot that is filled at power-on can never be emptied, so with qmp only those of the minimum are.
  machine.boot_cpus = sysfs ? machine.max_cpus : std::clamp(spec.cpu.min.whole_cpus(), 1U, machine.max_cpus);
  machine.base_memory = spec.memory.min;
  machine.pluggable_memory = round_up(spec.memory.max - spec.memory.min, machine.memory_block.value);
  machine.plugged_at_start = std::min(spec.memory.use - spec.memory.min, machine.pluggable_memory);
}

Status plan_boot(const VmSpec& spec, const MachineDefaults& defaults, MachineSpec& machine) {
  if (spec.kernel == firmware_kernel) {
    if (spec.root_image.empty()) {
      return Error{Code::invalid_argument, "spec.guest.kernel: \"firmware\" boots a disk, and there is no image"};
    }
    return {};
  }
  machine.kernel = spec.kernel.empty() ? defaults.kernel : spec.kernel;
  if (machine.kernel.empty()) return Error{Code::not_found, defaults.kernel_why};
  // A kernel of the user's own comes without our initramfs: it would not have that kernel's modules.
  if (spec.kernel.empty()) machine.initrd = defaults.initrd;
  // panic=-1: a panic ends the machine at once (pvpanic tells it first). auto-movable: what is plugged can leave again.
  // swiotlb: room to plug memory above 4 GiB makes the kernel set 64 MiB aside that no virtio device ever uses.
  // no_timer_check: on a busy host an emulated timer ticks too late for the kernel's test of it, which then panics. Under KVM
  // the kernel leaves that test out by itself.
  machine.cmdline = "console=ttyS0 panic=-1 memory_hotplug.online_policy=auto-movable memory_hotplug.auto_movable_ratio=401 "
                    "memhp_default_state=online swiotlb=noforce no_timer_check quiet";
  append(machine.cmdline, "hostname=" + machine.name);
  append(machine.cmdline,
         "neonvm.grace=" + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(spec.grace).count()));
  if (!spec.root_image.empty()) append(machine.cmdline, "root=/dev/vda rw");
  if (auto added = add_workload(spec, machine.cmdline); !added) return added;
  append(machine.cmdline, defaults.cmdline);
  append(machine.cmdline, spec.kernel_cmdline);
  return {};
}

// The second card is eth1. Upstream's words for it, which its guests' kernels read; ours reads them in the guest's init, too.
void plan_overlay(const Object& vm, const OverlayAddress& overlay, const MachineDefaults& defaults, MachineSpec& machine) {
  MachineNetwork network;
  network.kind = NetworkKind::tap;
  network.mac = mac_of(vm.uid + "/overlay");
  network.port = defaults.overlay_port;
  network.address = overlay.ip;
  machine.networks.push_back(std::move(network));
  if (!machine.kernel.empty()) append(machine.cmdline, "ip=" + overlay.ip + ":::" + overlay.mask + ":" + machine.name + ":eth1:off");
}

MachineDisk root_disk(const VmSpec& spec, const std::string& directory) {
  MachineDisk disk;
  disk.id = "root";
  disk.path = directory + "/root.qcow2";
  disk.format = "qcow2";
  disk.discard = true;
  disk.backing = spec.root_image;
  disk.size = spec.root_size.value_or(Bytes{});
  return disk;
}

// A pod that routes has rules for the ports, made of the same spec.
void plan_network(const VmSpec& spec, const Object& vm, const MachineDefaults& defaults, MachineSpec& machine) {
  MachineNetwork network;
  network.mac = mac_of(vm.uid);
  network.restrict_egress = !defaults.egress;
  for (Port port : spec.ports) {
    if (defaults.forward_all) port.host = port.guest;
    if (port.host != 0) network.forwards.push_back(port);
  }
  if (defaults.routed) {
    network.kind = NetworkKind::tap;
    network.tap = pod::tap;
    if (!machine.kernel.empty()) append(machine.cmdline, pod_network_parameter());
  }
  machine.networks.push_back(std::move(network));
}

}  // namespace

std::string mac_of(std::string_view text) {
  const std::uint64_t bits = hash(text, 0x6d6163);
  std::array<char, 18> mac{};
  std::snprintf(mac.data(), mac.size(), "02:%02x:%02x:%02x:%02x:%02x", static_cast<unsigned>(bits & 0xff),
                static_cast<unsigned>(bits >> 8 & 0xff), static_cast<unsigned>(bits >> 16 & 0xff),
                static_cast<unsigned>(bits >> 24 & 0xff), static_cast<unsigned>(bits >> 32 & 0xff));
  return mac.data();
}

std::string uuid_of(std::string_view text) {
  const std::uint64_t high = (hash(text, 1) & ~0xf000ULL) | 0x8000ULL;               // version 8: made of something else
  const std::uint64_t low = (hash(text, 2) & ~(3ULL << 62)) | (2ULL << 62);          // RFC 4122 variant
  std::array<char, 37> uuid{};
  std::snprintf(uuid.data(), uuid.size(), "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff), static_cast<unsigned>(high & 0xffff),
                static_cast<unsigned>(low >> 48), static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return uuid.data();
}

Result<MachineSpec> plan_machine(const VmSpec& spec, const Object& vm, const std::string& directory,
                                 const MachineDefaults& defaults, const OverlayAddress& overlay) {
  MachineSpec machine;
  machine.name = short_name(vm.name);
  machine.uuid = uuid_of(vm.uid);
  machine.machine_type = defaults.machine_type;
  if (!spec.acceleration) machine.accelerator = Accelerator::tcg;
  plan_size(spec, machine);
  if (auto planned = plan_boot(spec, defaults, machine); !planned) return planned.error();
  if (!spec.root_image.empty()) machine.disks.push_back(root_disk(spec, directory));
  if (auto planned = plan_guest(spec, directory, defaults, machine); !planned) return planned.error();
  plan_network(spec, vm, defaults, machine);
  if (!overlay.empty()) plan_overlay(vm, overlay, defaults, machine);
  machine.console_log = directory + "/console.log";
  return machine;
}

}  // namespace neonvm::decide
