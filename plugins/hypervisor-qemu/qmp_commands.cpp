#include "plugins/hypervisor-qemu/qmp_commands.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace neonvm::qemu {

namespace {
using Json = nlohmann::json;

Error strange(const char* command) {
  return Error{Code::internal, std::string("QEMU's answer to ") + command + " is not what it should be"};
}

Json parse(std::string_view body) { return Json::parse(body, nullptr, false); }

// A path may hold bytes that are no UTF-8; printing must not throw.
std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Member `name` when it is an unsigned number, else 0.
std::uint64_t number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string string(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json capability_list(const std::vector<std::string>& enabled, const std::vector<std::string>& disabled) {
  Json list = Json::array();
  for (const auto& name : enabled) list.push_back({{"capability", name}, {"state", true}});
  for (const auto& name : disabled) list.push_back({{"capability", name}, {"state", false}});
  return list;
}

constexpr std::string_view hot_plugged = "/machine/peripheral/";
}  // namespace

QmpCommand qmp_capabilities(bool out_of_band) {
  return {"qmp_capabilities", out_of_band ? R"({"enable":["oob"]})" : "", false};
}

QmpCommand plain(const std::string& name) { return {name, "", false}; }

Result<std::string> read_run_state(std::string_view body) {
  const Json json = parse(body);
  std::string status = json.is_object() ? string(json, "status") : "";
  if (status.empty()) return strange("query-status");
  return status;
}

MachinePhase phase_of(std::string_view run_state) {
  if (run_state == "running") return MachinePhase::running;
  if (run_state == "inmigrate") return MachinePhase::incoming;
  if (run_state == "postmigrate") return MachinePhase::migrated_away;
  if (run_state == "shutdown") return MachinePhase::shut_down;
  if (run_state == "guest-panicked") return MachinePhase::panicked;
  if (run_state == "prelaunch") return MachinePhase::starting;
  return MachinePhase::paused;  // paused, io-error, finish-migrate, internal-error, …: the guest does not run
}

Result<bool> read_kvm_enabled(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object() || !json.contains("enabled") || !json["enabled"].is_boolean()) return strange("query-kvm");
  return json["enabled"].get<bool>();
}

Result<Bytes> read_base_memory(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object() || number(json, "base-memory") == 0) return strange("query-memory-size-summary");
  return Bytes{number(json, "base-memory")};
}

QmpCommand qom_get(const std::string& path, const std::string& property) {
  return {"qom-get", text(Json{{"path", path}, {"property", property}}), false};
}

Result<std::string> read_machine_type(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_string()) return strange("qom-get");
  auto type = json.get<std::string>();
  constexpr std::string_view suffix = "-machine";
  if (type.ends_with(suffix)) type.resize(type.size() - suffix.size());
  return type;
}

Result<std::vector<CpuSlot>> read_cpu_slots(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_array()) return strange("query-hotpluggable-cpus");
  std::vector<CpuSlot> slots;
  for (const Json& entry : json) {
    if (!entry.is_object() || !entry.contains("props") || !entry["props"].is_object()) {
      return strange("query-hotpluggable-cpus");
    }
    CpuSlot slot;
    slot.number = static_cast<std::uint32_t>(number(entry["props"], "core-id"));
    slot.driver = string(entry, "type");
    slot.properties = text(entry["props"]);
    const std::string path = string(entry, "qom-path");
    slot.filled = !path.empty();
    if (path.starts_with(hot_plugged)) slot.device = path.substr(hot_plugged.size());
    slots.push_back(std::move(slot));
  }
  std::ranges::sort(slots, {}, &CpuSlot::number);
  return slots;
}

QmpCommand fill_slot(const CpuSlot& slot, const std::string& device) {
  Json arguments = parse(slot.properties);
  arguments["driver"] = slot.driver;
  arguments["id"] = device;
  return {"device_add", text(arguments), false};
}

QmpCommand empty_slot(const std::string& device) { return {"device_del", text(Json{{"id", device}}), false}; }

Result<std::optional<MemoryDevice>> read_memory_device(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_array()) return strange("query-memory-devices");
  for (const Json& entry : json) {
    if (!entry.is_object() || string(entry, "type") != "virtio-mem") continue;
    const Json data = entry.value("data", Json::object());
    if (!data.is_object()) return strange("query-memory-devices");
    return std::optional(MemoryDevice{string(data, "id"), Bytes{number(data, "size")},
                                      Bytes{number(data, "requested-size")}, Bytes{number(data, "max-size")},
                                      Bytes{number(data, "block-size")}});
  }
  return std::optional<MemoryDevice>();
}

QmpCommand request_memory(const std::string& device, Bytes size) {
  const Json arguments = {{"path", std::string(hot_plugged) + device},
                          {"property", "requested-size"},
                          {"value", size.value}};
  return {"qom-set", text(arguments), false};
}

QmpCommand set_migration_capabilities(const std::vector<std::string>& enabled,
                                      const std::vector<std::string>& disabled) {
  return {"migrate-set-capabilities", text(Json{{"capabilities", capability_list(enabled, disabled)}}), false};
}

QmpCommand set_migration_parameters(const MigrationLimits& limits) {
  const Json arguments = {{"max-bandwidth", limits.max_bandwidth}, {"downtime-limit", limits.downtime_ms}};
  return {"migrate-set-parameters", text(arguments), false};
}

QmpCommand set_migration_tls(const std::string& credentials, const std::string& name, const std::string& peer) {
  Json arguments = {{"tls-creds", credentials}, {"tls-hostname", name}};
  // Once it is set it cannot be taken back: QEMU would look for a peer called "".
  if (!peer.empty()) arguments["tls-authz"] = peer;
  return {"migrate-set-parameters", text(arguments), false};
}

QmpCommand continue_migration() { return {"migrate-continue", text(Json{{"state", "pre-switchover"}}), false}; }

QmpCommand migrate(const std::string& uri) { return {"migrate", text(Json{{"uri", uri}}), false}; }

QmpCommand migrate_incoming(const std::string& uri) { return {"migrate-incoming", text(Json{{"uri", uri}}), false}; }

Result<MigrationInfo> read_migration(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_object()) return strange("query-migrate");
  MigrationInfo info;
  info.status = string(json, "status");
  info.error = string(json, "error-desc");
  info.total_time = std::chrono::milliseconds(number(json, "total-time"));
  info.downtime = std::chrono::milliseconds(number(json, "downtime"));
  const Json ram = json.value("ram", Json::object());
  if (!ram.is_object()) return strange("query-migrate");
  info.total = Bytes{number(ram, "total")};
  info.remaining = Bytes{number(ram, "remaining")};
  info.transferred = Bytes{number(ram, "transferred")};
  info.dirty_pages_rate = number(ram, "dirty-pages-rate");
  info.passes = number(ram, "dirty-sync-count");
  if (const auto page = number(ram, "page-size"); page != 0) info.page_size = page;
  return info;
}

QmpCommand human(const std::string& command_line) {
  return {"human-monitor-command", text(Json{{"command-line", command_line}}), false};
}

Result<std::string> read_human(std::string_view body) {
  const Json json = parse(body);
  if (!json.is_string()) return strange("human-monitor-command");
  auto text = json.get<std::string>();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::optional<CpuNotice> read_cpu_notice(const QmpEvent& event) {
  if (event.name != "ACPI_DEVICE_OST") return std::nullopt;
  const Json data = parse(event.data);
  if (!data.is_object() || !data.contains("info") || !data["info"].is_object()) return std::nullopt;
  const Json& info = data["info"];
  if (string(info, "slot-type") != "CPU") return std::nullopt;
  return CpuNotice{string(info, "device"), string(info, "slot"), static_cast<int>(number(info, "source")),
                   static_cast<int>(number(info, "status"))};
}

std::string member(const QmpEvent& event, const char* name) {
  const Json data = parse(event.data);
  return data.is_object() ? string(data, name) : std::string();
}

std::optional<Bytes> read_memory_size(const QmpEvent& event) {
  if (event.name != "MEMORY_DEVICE_SIZE_CHANGE") return std::nullopt;
  const Json data = parse(event.data);
  if (!data.is_object() || !data.contains("size") || !data["size"].is_number_unsigned()) return std::nullopt;
  return Bytes{number(data, "size")};
}

}  // namespace neonvm::qemu
