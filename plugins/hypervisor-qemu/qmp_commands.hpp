// Every QMP command that is used here, and what its answer says.
//
// Used by the files that do one thing each (cpu_slots, memory_device, live_migration, …). Pure. Readers take the JSON
// text of a reply's or an event's payload and are lenient with what they do not need: QEMU adds members with every
// version. Failure: a payload without what is needed is Code::internal, naming the command.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/qmp_message.hpp"

namespace neonvm::qemu {

QmpCommand qmp_capabilities(bool out_of_band);
QmpCommand plain(const std::string& name);  // a command without arguments

// query-status: "running", "paused", "inmigrate", "postmigrate", …
Result<std::string> read_run_state(std::string_view body);
MachinePhase phase_of(std::string_view run_state);
// query-kvm
Result<bool> read_kvm_enabled(std::string_view body);
// query-memory-size-summary: base memory
Result<Bytes> read_base_memory(std::string_view body);
// qom-get of /machine "type": "pc-q35-7.2-machine" -> "pc-q35-7.2"
QmpCommand qom_get(const std::string& path, const std::string& property);
Result<std::string> read_machine_type(std::string_view body);

struct CpuSlot {
  std::uint32_t number = 0;   // core-id: one socket, one thread a core
  std::string driver;         // CPU type
  std::string properties;     // JSON object for device_add
  bool filled = false;
  std::string device;         // id of a hot-plugged CPU; empty: there from power-on, cannot leave
};
// query-hotpluggable-cpus, lowest first.
Result<std::vector<CpuSlot>> read_cpu_slots(std::string_view body);
QmpCommand fill_slot(const CpuSlot& slot, const std::string& device);
QmpCommand empty_slot(const std::string& device);

struct MemoryDevice {
  std::string id;
  Bytes size, requested, max, block;
};
// query-memory-devices: the virtio-mem device; none when the machine has none.
Result<std::optional<MemoryDevice>> read_memory_device(std::string_view body);
QmpCommand request_memory(const std::string& device, Bytes size);

struct MigrationLimits {
  std::uint64_t max_bandwidth = 0;   // bytes/s; 0: none
  std::uint64_t downtime_ms = 300;
};
// Of both sides. Empty: no TLS; the name that the other side's certificate must be for, empty: the host it is called by.
QmpCommand set_migration_tls(const std::string& credentials, const std::string& name, const std::string& peer);
// The guest stands still ("pre-switchover"): on with it.
QmpCommand continue_migration();
QmpCommand set_migration_capabilities(const std::vector<std::string>& enabled, const std::vector<std::string>& disabled);
QmpCommand set_migration_parameters(const MigrationLimits& limits);
QmpCommand migrate(const std::string& uri);
QmpCommand migrate_incoming(const std::string& uri);

struct MigrationInfo {
  std::string status;                // "" before the first one
  std::string error;
  Bytes total, remaining, transferred;
  Duration total_time{}, downtime{};
  std::uint64_t dirty_pages_rate = 0, page_size = 4096, passes = 0;
};
// query-migrate
Result<MigrationInfo> read_migration(std::string_view body);

// human-monitor-command, for what QMP cannot say; its answer is text for people, empty when all went well.
QmpCommand human(const std::string& command_line);
Result<std::string> read_human(std::string_view body);

// Events.
struct CpuNotice {            // ACPI_DEVICE_OST about a CPU
  std::string device;         // may be empty
  std::string slot;
  int source = 0, status = 0;
};
std::optional<CpuNotice> read_cpu_notice(const QmpEvent& event);
// String member `name` of an event's data; empty when it is not there.
std::string member(const QmpEvent& event, const char* name);
std::optional<Bytes> read_memory_size(const QmpEvent& event);  // MEMORY_DEVICE_SIZE_CHANGE

}  // namespace neonvm::qemu
