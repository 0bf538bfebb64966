#include <algorithm>
#include <set>
#include <string_view>

#include "core/model/memory_zones.hpp"
#include "core/model/object.hpp"
#include "core/model/guest_plan.hpp"
#include "core/model/vm.hpp"

namespace neonvm {
namespace {

constexpr MilliCpu least_cpu{50};
constexpr MilliCpu most_cpu{512'000};
constexpr std::uint64_t slot_unit = 8 * mib;
constexpr std::uint64_t most_slots = 512;

using Lines = std::vector<std::string>;

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string item(const char* list, std::size_t index, const char* field) {
  return std::string(list) + "[" + std::to_string(index) + "]." + field;
}

void add(Lines& lines, const std::string& path, const std::string& text) { lines.push_back(path + ": " + text); }

template <typename T>
void check_order(Lines& lines, const std::string& path, const T& range) {
  if (range.min > range.max) {
    add(lines, path + ".min",
        to_string(range.min) + " is above max " + to_string(range.max) + "; lower min or raise max");
    return;  // no `use` could be right
  }
  const std::string between = "give " + to_string(range.min) + " to " + to_string(range.max);
  if (range.use < range.min) add(lines, path + ".use", to_string(range.use) + " is below min; " + between);
  if (range.use > range.max) add(lines, path + ".use", to_string(range.use) + " is above max; " + between);
}

void check_cpu(Lines& lines, const std::string& path, MilliCpu cpu) {
  if (cpu < least_cpu) add(lines, path, to_string(cpu) + " is below 50m; give 50m to 512");
  if (cpu > most_cpu) add(lines, path, to_string(cpu) + " is above 512; give 50m to 512");
}

void check_cpus(Lines& lines, const CpuRange& cpu) {
  check_cpu(lines, "spec.guest.cpus.min", cpu.min);
  check_cpu(lines, "spec.guest.cpus.use", cpu.use);
  check_cpu(lines, "spec.guest.cpus.max", cpu.max);
  check_order(lines, "spec.guest.cpus", cpu);
}

// Slot counts are what a manifest says, sizes what people think in: a message shows both.
void check_slots(Lines& lines, const std::string& path, Bytes memory, Bytes slot) {
  const Bytes most{slot.value * most_slots};
  if (memory.value % slot.value != 0) {
    const Bytes below = std::max(round_down(memory, slot.value), slot);
    const Bytes above{below.value + slot.value};
    add(lines, path,
        to_string(memory) + " is not a multiple of memorySlotSize " + to_string(slot) + "; give " + to_string(below) +
            " or " + to_string(above));
  } else if (memory < slot || memory > most) {
    add(lines, path,
        to_string(memory) + " is " + std::to_string(memory.value / slot.value) + " slots of " + to_string(slot) +
            "; give 1 to 512 slots, " + to_string(slot) + " to " + to_string(most));
  }
}

void check_memory(Lines& lines, const MemoryRange& memory) {
  const Bytes slot = memory.slot_size;
  constexpr std::uint64_t largest_slot = std::uint64_t{1} << 50;
  if (slot.value == 0 || slot.value % slot_unit != 0 || slot.value > largest_slot) {
    add(lines, "spec.guest.memorySlotSize", to_string(slot) + " is not a multiple of 8Mi from 8Mi to 1Pi; give 128Mi, say");
    return;  // sizes in slots of nothing mean nothing
  }
  check_slots(lines, "spec.guest.memorySlots.min", memory.min, slot);
  check_slots(lines, "spec.guest.memorySlots.use", memory.use, slot);
  check_slots(lines, "spec.guest.memorySlots.max", memory.max, slot);
  check_order(lines, "spec.guest.memorySlots", memory);
}

// A size that the kernel could not describe in what it may use itself.
void check_memory_ratio(Lines& lines, const VmSpec& spec) {
  const MemoryRange& memory = spec.memory;
  if (!lines.empty() || memory.max <= memory.min) return;
  const Onlining onlining = onlining_of(spec);
  const Bytes most = most_on_base(memory.min, onlining);
  if (memory.max <= most) return;
  const std::uint64_t slot = memory.slot_size.value;
  add(lines, "spec.guest.memorySlots.max",
      to_string(memory.max) + " takes " + to_string(round_up(upkeep_of(memory.max - memory.min), mib)) +
          " of page structs and page tables, which the kernel cannot keep in movable memory, and a base of " +
          to_string(memory.min) + " holds up " + to_string(std::max(round_down(most, slot), memory.min)) + " at most; give that, or a min of " +
          to_string(round_up(least_base(memory.max, onlining), slot)));
}

void check_ports(Lines& lines, const std::vector<Port>& ports) {
  std::set<std::pair<Protocol, std::uint16_t>> guest, host;
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Port& port = ports[i];
    const std::string number = std::to_string(port.guest);
    if (port.guest == 0) add(lines, item("spec.guest.ports", i, "port"), "0 is out of range; give 1 to 65535");
    if (!guest.emplace(port.protocol, port.guest).second) {
      add(lines, item("spec.guest.ports", i, "port"), number + " is there twice; remove one");
    }
    if (port.name == "qmp") {
      add(lines, item("spec.guest.ports", i, "name"), "\"qmp\" is reserved; give another name");
    }
    if (!port.name.empty() && !names.insert(port.name).second) {
      add(lines, item("spec.guest.ports", i, "name"), quoted(port.name) + " is there twice; rename one");
    }
    if (port.host != 0 && !host.emplace(port.protocol, port.host).second) {
      add(lines, "annotation neonvm.dev/host-ports",
          "host port " + std::to_string(port.host) + " is there twice; give each guest port its own");
    }
  }
}

void check_guest(Lines& lines, const VmSpec& spec) {
  for (std::size_t i = 0; i < spec.env.size(); ++i) {
    const std::string& name = spec.env[i].name;
    if (name.empty() || name.find('=') != std::string::npos) {
      add(lines, item("spec.guest.env", i, "name"), quoted(name) + " is no variable's name; give one without '='");
    }
  }
  for (std::size_t i = 0; i < spec.sysctl.size(); ++i) {
    const std::string& setting = spec.sysctl[i];
    const bool named = setting.find('=') != std::string::npos && setting.front() != '=';
    if (!named || setting.substr(0, setting.find('=')).find("..") != std::string::npos) {
      add(lines, "spec.guest.settings.sysctl[" + std::to_string(i) + "]",
          quoted(setting) + " is not name=value; give vm.swappiness=10, say");
    }
  }
  if (spec.swap && spec.swap->value == 0) add(lines, "spec.guest.settings.swap", "0 is no size; leave it out for none");
  if (spec.swap && *spec.swap > most_swap) {
    add(lines, "spec.guest.settings.swap", to_string(*spec.swap) + " is above " + to_string(most_swap) + "; give less");
  } else if (spec.swap && spec.swap->value % mib != 0) {
    add(lines, "spec.guest.settings.swap", to_string(*spec.swap) + " is not in whole Mi; give " + to_string(round_up(*spec.swap, mib)));
  }
  if (spec.root_size && spec.root_size->value == 0) {
    add(lines, "spec.guest.rootDisk.size", "0 is no size; leave it out to keep the image's");
  }
  if (spec.grace < Duration::zero()) {
    add(lines, "spec.terminationGracePeriodSeconds", "is negative; give 0 or more");
  }
}

void check_bound(Lines& lines, const VmSpec& spec, const char* side, const Resources& bound) {
  const std::string path = std::string("annotation autoscaling.neon.tech/bounds.") + side;
  check_cpu(lines, path + ".cpu", bound.cpu);
  const std::uint64_t slot = spec.memory.slot_size.value;
  if (bound.memory.value == 0 || (slot != 0 && bound.memory.value % slot != 0)) {
    add(lines, path + ".mem",
        to_string(bound.memory) + " is not a multiple of memorySlotSize " + to_string(spec.memory.slot_size));
  }
  const bool cpu_inside = bound.cpu >= spec.cpu.min && bound.cpu <= spec.cpu.max;
  if (!cpu_inside) {
    add(lines, path + ".cpu",
        to_string(bound.cpu) + " is outside spec.guest.cpus; give " + to_string(spec.cpu.min) + " to " +
            to_string(spec.cpu.max));
  }
  const bool memory_inside = bound.memory >= spec.memory.min && bound.memory <= spec.memory.max;
  if (!memory_inside) {
    add(lines, path + ".mem",
        to_string(bound.memory) + " is outside spec.guest.memorySlots; give " + to_string(spec.memory.min) + " to " +
            to_string(spec.memory.max));
  }
}

void check_scaling(Lines& lines, const VmSpec& spec) {
  const Scaling& scaling = spec.scaling;
  if (scaling.policy.empty()) add(lines, "annotation neonvm.dev/policy", "names no policy; give default, say");
  for (const std::string& line : violations(scaling.config)) {
    lines.push_back("annotation autoscaling.neon.tech/config." + line);
  }
  if (scaling.bound_min) check_bound(lines, spec, "min", *scaling.bound_min);
  if (scaling.bound_max) check_bound(lines, spec, "max", *scaling.bound_max);
  if (scaling.bound_min && scaling.bound_max && exceeds_somewhere(*scaling.bound_min, *scaling.bound_max)) {
    add(lines, "annotation autoscaling.neon.tech/bounds",
        "min " + to_string(*scaling.bound_min) + " exceeds max " + to_string(*scaling.bound_max) +
            "; lower min or raise max");
  }
}

}  // namespace

std::vector<std::string> violations(const VmSpec& spec) {
  Lines lines;
  check_cpus(lines, spec.cpu);
  check_memory(lines, spec.memory);
  check_memory_ratio(lines, spec);
  check_guest(lines, spec);
  check_ports(lines, spec.ports);
  for (std::string& line : disk_violations(spec.disks)) lines.push_back(std::move(line));
  check_scaling(lines, spec);
  return lines;
}

}  // namespace neonvm
