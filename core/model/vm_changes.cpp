#include <algorithm>

#include "core/model/vm.hpp"

namespace neonvm {
namespace {

using Lines = std::vector<std::string>;

void fixed(Lines& lines, bool same, const char* path) {
  if (!same) {
    lines.push_back(std::string(path) + ": is fixed once the VM exists; keep it, or delete the VM and make it anew");
  }
}

template <typename T>
void fixed_amount(Lines& lines, const T& before, const T& after, const char* path) {
  if (before == after) return;
  lines.push_back(std::string(path) + ": is fixed once the VM exists; keep " + to_string(before) + " instead of " +
                  to_string(after) + ", or delete the VM and make it anew");
}

template <typename T, typename Same>
bool same_list(const std::vector<T>& a, const std::vector<T>& b, Same same) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

bool same_port(const Port& a, const Port& b) {
  return a.name == b.name && a.guest == b.guest && a.protocol == b.protocol;
}

bool same_forward(const Port& a, const Port& b) { return same_port(a, b) && a.host == b.host; }

bool same_env(const EnvVar& a, const EnvVar& b) { return a.name == b.name && a.value == b.value; }

bool same_disk(const Disk& a, const Disk& b) {
  return a.name == b.name && a.mount_path == b.mount_path && a.source == b.source && a.read_only == b.read_only &&
         a.watch == b.watch && a.size == b.size && a.discard == b.discard && a.quotas == b.quotas &&
         a.reference == b.reference && a.items == b.items && a.optional == b.optional && a.default_mode == b.default_mode;
}

void check_size(Lines& lines, const VmSpec& before, const VmSpec& after) {
  fixed_amount(lines, before.cpu.min, after.cpu.min, "spec.guest.cpus.min");
  fixed_amount(lines, before.cpu.max, after.cpu.max, "spec.guest.cpus.max");
  fixed_amount(lines, before.memory.min, after.memory.min, "spec.guest.memorySlots.min");
  fixed_amount(lines, before.memory.max, after.memory.max, "spec.guest.memorySlots.max");
  // Upstream lets it change and then computes every size wrongly (neonvm.md 1.8): a slot is part of what is fixed.
  fixed_amount(lines, before.memory.slot_size, after.memory.slot_size, "spec.guest.memorySlotSize");
}

void check_ports(Lines& lines, const VmSpec& before, const VmSpec& after) {
  const bool same = same_list(before.ports, after.ports, same_port);
  fixed(lines, same, "spec.guest.ports");
  // Forwards are opened when the VM starts: a change of a running VM would silently do nothing.
  if (same && !before.stopped && !same_list(before.ports, after.ports, same_forward)) {
    lines.push_back("annotation neonvm.dev/host-ports: is fixed while the VM runs; stop it first");
  }
}

}  // namespace

std::vector<std::string> forbidden_changes(const VmSpec& before, const VmSpec& after) {
  Lines lines;
  check_size(lines, before, after);
  check_ports(lines, before, after);
  fixed(lines, before.root_image == after.root_image, "spec.guest.rootDisk.image");
  fixed(lines, before.root_size == after.root_size, "spec.guest.rootDisk.size");
  fixed(lines, before.command == after.command, "spec.guest.command");
  fixed(lines, before.args == after.args, "spec.guest.args");
  fixed(lines, same_list(before.env, after.env, same_env), "spec.guest.env");
  fixed(lines, before.sysctl == after.sysctl, "spec.guest.settings.sysctl");
  fixed(lines, same_list(before.disks, after.disks, same_disk), "spec.disks");
  fixed(lines, before.acceleration == after.acceleration, "spec.enableAcceleration");
  fixed(lines, before.ssh == after.ssh, "spec.enableSSH");
  if (before.cpu_scaling_mode && before.cpu_scaling_mode != after.cpu_scaling_mode) {
    lines.push_back("spec.cpuScalingMode: cannot change once it is set; keep it as it was");
  }
  return lines;
}

}  // namespace neonvm
