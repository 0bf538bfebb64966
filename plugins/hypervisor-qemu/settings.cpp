#include "plugins/hypervisor-qemu/settings.hpp"

#include <nlohmann/json.hpp>

namespace neonvm::qemu {

namespace {
using Json = nlohmann::json;

Error wrong(const std::string& key, const std::string& wanted) {
  return Error{Code::invalid_argument, "qemu plugin: " + key + " must be " + wanted};
}

Status set_text(std::string& field, const std::string& key, const Json& value, bool may_be_empty) {
  if (!value.is_string() || (!may_be_empty && value.get<std::string>().empty())) return wrong(key, "a text");
  field = value.get<std::string>();
  return {};
}

Result<std::uint32_t> whole_number(const std::string& key, const Json& value, std::uint32_t most) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1 || value.get<std::uint64_t>() > most) {
    return wrong(key, "a whole number from 1 to " + std::to_string(most));
  }
  return value.get<std::uint32_t>();
}

Status set_number(Settings& settings, const std::string& key, const Json& value) {
  auto number = whole_number(key, value, key == "migrationStallSeconds" ? 3600 : 60'000);
  if (!number) return number.error();
  if (key == "migrationStallSeconds") settings.migration_stall = std::chrono::seconds(*number);
  else settings.migration_downtime_ms = *number;
  return {};
}

Status set(Settings& settings, const std::string& key, const Json& value) {
  if (key == "binary") return set_text(settings.binary, key, value, false);
  if (key == "qemuImg") return set_text(settings.qemu_img, key, value, false);
  if (key == "machineType") return set_text(settings.machine_type, key, value, true);
  if (key == "cpu") return set_text(settings.cpu, key, value, true);
  if (key == "libvirtUri") return set_text(settings.libvirt_uri, key, value, false);
  if (key == "migrationStallSeconds" || key == "migrationDowntimeMs") return set_number(settings, key, value);
  if (key == "memoryBackend") {
    if (value != "ram" && value != "memfd") return wrong(key, R"("ram" or "memfd")");
    settings.memory_backend = value.get<std::string>();
    return {};
  }
  if (key == "owner") {
    if (value != "process" && value != "libvirt") return wrong(key, R"("process" or "libvirt")");
    settings.owner = value == "libvirt" ? Owner::libvirt : Owner::process;
    return {};
  }
  return Error{Code::invalid_argument, "qemu plugin: unknown setting \"" + key + "\""};
}
}  // namespace

Result<Settings> parse_settings(std::string_view json) {
  Settings settings;
  if (json.empty()) return settings;
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_object()) return Error{Code::invalid_argument, "qemu plugin: the settings are not a JSON object"};
  for (const auto& [key, value] : document.items()) {
    if (auto done = set(settings, key, value); !done) return done.error();
  }
  return settings;
}

Result<Settings> read_settings(const std::map<std::string, std::string>& given) {
  const auto whole = given.find("json");
  if (whole != given.end() && given.size() == 1) return parse_settings(whole->second);
  Json document = Json::object();
  for (const auto& [key, text] : given) {
    const Json number = Json::parse(text, nullptr, false);
    document[key] = number.is_number_unsigned() ? number : Json(text);
  }
  return parse_settings(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace neonvm::qemu
