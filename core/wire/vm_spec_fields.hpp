// Private to wire: members of VirtualMachine.spec (neonvm.md 1.4). Ports and disks are in vm_spec_json.cpp.
//
// `keep` names what upstream has and we do not act on: it survives in the text.
#pragma once

#include "core/model/vm.hpp"
#include "core/wire/common_fields.hpp"

namespace neonvm::wire {

constexpr Bytes upstream_slot_size{gib};

void describe(auto& v, Like<EnvVar> auto& e) {
  v.need("name", e.name);
  v.field("value", e.value);
}

template <typename T>
concept RangeOfSize = Like<T, CpuRange> || Like<T, MemoryRange>;

void cpu_members(auto& guest, auto& cpu) {
  guest.group("cpus", [&cpu](auto& range) {
    range.need("min", cpu.min);
    range.need("max", cpu.max);
    range.need("use", cpu.use);
  });
}

void memory_members(auto& guest, auto& memory) {
  guest.field_or("memorySlotSize", memory.slot_size, upstream_slot_size);
  if constexpr (std::remove_reference_t<decltype(guest)>::reads) {
    memory.min = memory.use = memory.max = memory.slot_size;
  }
  guest.group("memorySlots", [&memory](auto& range) {
    range.slots("min", memory.min, memory.slot_size);
    range.slots("max", memory.max, memory.slot_size);
    range.slots("use", memory.use, memory.slot_size);
  });
}

void guest_members(auto& guest, auto& s) {
  guest.field("kernelImage", s.kernel);
  guest.field("appendKernelCmdline", s.kernel_cmdline);
  cpu_members(guest, s.cpu);
  memory_members(guest, s.memory);
  guest.group("rootDisk", [&s](auto& disk) {
    disk.field("image", s.root_image);
    disk.field("size", s.root_size);
    disk.keep({"imagePullPolicy", "execute"});
  });
  guest.field("command", s.command);
  guest.field("args", s.args);
  guest.field("env", s.env);
  guest.group("settings", [&s](auto& settings) {
    settings.field("sysctl", s.sysctl);
    settings.field("swap", s.swap);
  });
  guest.keep({"memhpAutoMovableRatio", "ports"});
}

void describe(auto& v, Like<VmSpec> auto& s) {
  v.seconds_or("terminationGracePeriodSeconds", s.grace, std::chrono::seconds{5});
  v.field("nodeSelector", s.node_selector);
  v.field_or("restartPolicy", s.restart_policy, RestartPolicy::always);
  v.need_group("guest", [&s](auto& guest) { guest_members(guest, s); });
  v.field_or("enableAcceleration", s.acceleration, true);
  v.field_or("enableSSH", s.ssh, true);
  v.field("cpuScalingMode", s.cpu_scaling_mode);
  v.group("extraNetwork", [&s](auto& network) {
    network.field_or("enable", s.overlay, false);
    network.keep({"interface", "multusNetwork"});
  });
  revision_at(v, "targetRevision", s.target_revision, s.target_revision_at);
  v.keep({"disks", "qmp", "qmpManual", "runnerPort", "affinity", "tolerations", "schedulerName", "serviceAccountName",
          "podResources", "imagePullSecrets", "targetArchitecture", "extraInitContainers", "initScript",
          "service_links", "runnerImage", "tls", "overcommit",
          "enableNetworkMonitoring"});
}

}  // namespace neonvm::wire
