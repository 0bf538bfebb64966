// The settings of the overlay network's addresses.
#define TOML_EXCEPTIONS 1
#include "cli/config_setting.hpp"
#include "cli/output.hpp"
#include "core/model/object.hpp"

namespace neonvm::cli {

namespace {

using Settings = decide::AddressSettings;

// wrong: what is not right about a text that is not empty.
Setting text(const std::string& key, std::string Settings::*field, std::string (*wrong)(const std::string&), const std::string& help) {
  return {"network." + key, "string", help,
          [field, wrong](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::string>();
            if (!value) return not_a("a string", node);
            if (std::string why = value->empty() ? "" : wrong(*value); !why.empty()) return why;
            config.network.*field = *value;
            return "";
          },
          [field](const Config& config) { return json_string(config.network.*field); }};
}

std::string not_a_range(const std::string& value) {
  const auto book = decide::AddressBook::from({"", value, "", ""});
  return book ? "" : book.error().message;
}

std::string not_an_address(const std::string& value) {
  const auto address = parse_ip(value);
  return address ? "" : address.error().message;
}

std::string not_a_name(const std::string& value) {
  const Status named = check_name(value);
  return named ? "" : named.error().message;
}

}  // namespace

std::vector<Setting> network_settings() {
  return {
      text("name", &Settings::network, not_a_name, "Of the overlay network, before the range in the name of its IPPool; as upstream's network_name"),
      text("range", &Settings::range, not_a_range, "Of the addresses of VMs with spec.extraNetwork, \"10.100.0.0/16\"; empty: such VMs cannot be started"),
      text("first", &Settings::first, not_an_address, "First of it that VMs are given; empty: the first"),
      text("last", &Settings::last, not_an_address, "Last of it that VMs are given; empty: the last"),
  };
}

}  // namespace neonvm::cli
