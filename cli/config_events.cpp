// The settings of billing and scaling events.
#define TOML_EXCEPTIONS 1
#include "cli/config_setting.hpp"
#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

Setting text(const std::string& key, std::function<std::string&(EventConfig&)> field, const std::string& help) {
  return {key, "string", help,
          [field](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::string>();
            if (!value) return not_a("a string", node);
            field(config.events) = *value;
            return "";
          },
          [field](const Config& config) {
            EventConfig copy = config.events;
            return json_string(field(copy));
          }};
}

Setting flag(const std::string& key, bool EventConfig::*field, const std::string& help) {
  return {key, "boolean", help,
          [field](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<bool>();
            if (!value) return not_a("true or false", node);
            config.events.*field = *value;
            return "";
          },
          [field](const Config& config) { return config.events.*field ? "true" : "false"; }};
}

Setting whole(const std::string& key, std::int64_t EventConfig::*field, std::int64_t least, std::int64_t most, const std::string& help) {
  return {key, "integer", help,
          [field, least, most](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::int64_t>();
            if (!value) return not_a("an integer", node);
            if (*value < least || *value > most) return std::to_string(*value) + " is out of range; give " + std::to_string(least) + " to " + std::to_string(most);
            config.events.*field = *value;
            return "";
          },
          [field](const Config& config) { return std::to_string(config.events.*field); }};
}

Setting multiplier() {
  return {"scaling_events.cu_multiplier", "float", "Units of the product in one compute unit, more than 0",
          [](Config& config, const toml::node& node) -> std::string {
            const double value = node.is_number() ? node.value<double>().value_or(0) : 0;
            if (!(value > 0) || value > 1e6) return "must be a number above 0, at most 1000000";
            config.events.cu_multiplier = value;
            return "";
          },
          [](const Config& config) {
            std::string shown = std::to_string(config.events.cu_multiplier);
            shown.erase(shown.find_last_not_of('0') + 1);
            return shown.back() == '.' ? shown + "0" : shown;
          }};
}

Setting limit() {
  return {"events.spool_limit", "quantity", "Most that may wait on the disk, for each of billing and scaling events",
          [](Config& config, const toml::node& node) -> std::string {
            const auto given = node.value_exact<std::string>();
            if (!given) return not_a("a quantity such as \"256Mi\"", node);
            const auto bytes = parse_bytes(*given);
            if (!bytes) return bytes.error().message;
            if (bytes->value < mib) return "must be at least 1Mi";
            config.events.spool_limit = *bytes;
            return "";
          },
          [](const Config& config) { return json_string(to_string(config.events.spool_limit)); }};
}

void add_clients(std::vector<Setting>& list, const std::string& table, EventClients EventConfig::*clients) {
  const auto add = [&](const std::string& name, std::string EventClients::*field, const std::string& help) {
    list.push_back(text(table + "." + name, [clients, field](EventConfig& all) -> std::string& { return all.*clients.*field; }, help));
  };
  add("http.url", &EventClients::http_url, "Events are posted to URL/usage_events; empty: not");
  add("http.token_file", &EventClients::http_token_file, "File with a bearer token for it; empty: none is shown");
  add("http.ca_file", &EventClients::http_ca_file, "Authorities of its certificate; empty: the system's");
  add("s3.bucket", &EventClients::s3_bucket, "Bucket for the events; empty: none");
  add("s3.region", &EventClients::s3_region, "Region of it");
  add("s3.endpoint", &EventClients::s3_endpoint, "URL of another service that speaks S3; empty: AWS'");
  add("s3.prefix", &EventClients::s3_prefix, "Before every object's name");
  add("s3.credentials_file", &EventClients::s3_credentials_file,
      "As of AWS' tools, with [default]; empty: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN");
  add("s3.ca_file", &EventClients::s3_ca_file, "Authorities of its certificate; empty: the system's");
  add("azure.endpoint", &EventClients::azure_endpoint, "https://ACCOUNT.blob.core.windows.net");
  add("azure.container", &EventClients::azure_container, "Container for the events; empty: none");
  add("azure.prefix", &EventClients::azure_prefix, "Before every blob's name");
  add("azure.key_file", &EventClients::azure_key_file, "File with the account's key");
  add("azure.sas_file", &EventClients::azure_sas_file, "File with a shared access signature, instead of the key");
  add("azure.ca_file", &EventClients::azure_ca_file, "Authorities of its certificate; empty: the system's");
}

}  // namespace

std::vector<Setting> event_settings() {
  std::vector<Setting> list{
      text("events.spool", [](EventConfig& all) -> std::string& { return all.spool; }, "Folder for events until they are sent; empty: spool in the home"),
      limit(),
      whole("events.timeout_seconds", &EventConfig::timeout_seconds, 1, 600, "Of one sending, 1 to 600"),
      whole("events.most_events", &EventConfig::most_events, 1, 100000, "Events in one HTTP request"),
      text("billing.cpu_metric", [](EventConfig& all) -> std::string& { return all.cpu_metric; }, "Metric of CPU seconds"),
      text("billing.active_metric", [](EventConfig& all) -> std::string& { return all.active_metric; }, "Metric of the seconds that a VM ran"),
      text("billing.memory_metric", [](EventConfig& all) -> std::string& { return all.memory_metric; }, "Metric of memory, in MiB times seconds; empty: no such events"),
      flag("billing.everybody", &EventConfig::bill_everybody, "VMs without the annotation autoscaling.neon.tech/billing-endpoint-id too, to their own name"),
      whole("billing.accumulate_seconds", &EventConfig::accumulate_seconds, 1, 86400, "An event for each VM and metric every so often"),
  };
  add_clients(list, "billing", &EventConfig::billing);
  list.push_back(text("scaling_events.region", [](EventConfig& all) -> std::string& { return all.region; }, "Region that scaling events name"));
  list.push_back(multiplier());
  list.push_back(whole("scaling_events.push_every_seconds", &EventConfig::push_every_seconds, 1, 86400, "Events of so long become one object"));
  add_clients(list, "scaling_events", &EventConfig::scaling);
  return list;
}

}  // namespace neonvm::cli
