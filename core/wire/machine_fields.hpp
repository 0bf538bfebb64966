// Private to wire: members of MachineSpec, MachineState and MachineEvent.
#pragma once

#include "core/model/machine.hpp"
#include "core/wire/common_fields.hpp"
#include "core/wire/guest_plan_fields.hpp"
#include "core/wire/migration_fields.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<MachineDisk> auto& d) {
  v.need("id", d.id);
  v.need("path", d.path);
  v.need("format", d.format);
  v.field_or("readOnly", d.read_only, false);
  v.field_or("discard", d.discard, false);
  v.field("backing", d.backing);
  v.field_or("size", d.size, Bytes{});
}

void describe(auto& v, Like<MachineNetwork> auto& n) {
  v.need("kind", n.kind);
  v.field("mac", n.mac);
  v.field("tap", n.tap);
  v.field("port", n.port);
  v.field_or("mtu", n.mtu, 0);
  v.field("address", n.address);
  v.field("forwards", n.forwards);
  v.field("forwardAddress", n.forward_address);
  v.field_or("restrictEgress", n.restrict_egress, true);
}

void describe(auto& v, Like<MachineFiles> auto& f) {
  v.need("name", f.name);
  v.need("source", f.source);
  v.field_or("secret", f.secret, false);
  v.field_or("optional", f.optional, false);
  v.field_or("watch", f.watch, false);
  v.need("mode", f.mode);
  v.field("items", f.items);
}

void machine_size(auto& v, auto& m) {
  v.need("maxCpus", m.max_cpus);
  v.need("bootCpus", m.boot_cpus);
  v.need("onlineCpus", m.online_cpus);
  v.need("cpuMode", m.cpu_mode);
  v.need("baseMemory", m.base_memory);
  v.need("pluggableMemory", m.pluggable_memory);
  v.need("memoryBlock", m.memory_block);
  v.need("pluggedAtStart", m.plugged_at_start);
}

void describe(auto& v, Like<MachineSpec> auto& m) {
  v.need("name", m.name);
  v.field("uuid", m.uuid);
  v.need("runDir", m.run_dir);
  v.field("machineType", m.machine_type);
  v.field_or("accelerator", m.accelerator, Accelerator::automatic);
  machine_size(v, m);
  v.field("kernel", m.kernel);
  v.field("initrd", m.initrd);
  v.field("cmdline", m.cmdline);
  v.field("disks", m.disks);
  v.field("networks", m.networks);
  v.group("guest", [&m](auto& guest) { describe(guest, m.guest); });
  v.field("files", m.files);
  v.field("guestSocket", m.guest_socket);
  v.field("consoleSocket", m.console_socket);
  v.field("consoleLog", m.console_log);
  v.field_or("incoming", m.incoming, false);
  v.field_or("carriesDisks", m.carries_disks, false);
  v.field("tlsDir", m.tls_dir);
  v.field("migrationHost", m.migration_host);
  v.field_or("migrationPort", m.migration_port, 0);
  v.field("tlsName", m.tls_name);
  v.field("tlsPeer", m.tls_peer);
  v.field("extraArgs", m.extra_args);
}

void describe(auto& v, Like<MachineState> auto& m) {
  v.need("phase", m.phase);
  v.field_or("pid", m.pid, 0);
  v.field("accelerator", m.accelerator);
  v.field("machineType", m.machine_type);
  v.field("version", m.version);
  v.need("cpusPresent", m.cpus_present);
  v.field("cpuSlots", m.cpu_slots);
  v.need("baseMemory", m.base_memory);
  v.need("pluggedMemory", m.plugged_memory);
  v.need("pluggedWish", m.plugged_wish);
  v.millis("migrationDowntimeMs", m.migration_downtime);
}

void describe(auto& v, Like<MachineEvent> auto& e) {
  v.need("kind", e.kind);
  v.field_or("memory", e.memory, Bytes{});
  v.field_or("migration", e.migration, MigrationReport{});
  v.field("why", e.why);
}

}  // namespace neonvm::wire
