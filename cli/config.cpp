#include "cli/config.hpp"

#include <cstdlib>
#include <functional>
#include <type_traits>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <filesystem>

#include "cli/suggest.hpp"

namespace neonvm::cli {

namespace {

using Apply = std::function<std::string(Config&, const toml::node&)>;  // "" or what is wrong

struct Setting {
  std::string key, type, help;
  Apply apply;
  std::function<std::string(const Config&)> show;
};

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

Setting text_setting(const std::string& key, std::string Config::*field, const std::string& help,
                     const std::vector<std::string>& choices = {}) {
  return {key, "string", help,
          [field, choices](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::string>();
            if (!value) return "must be a string";
            if (!choices.empty() && std::find(choices.begin(), choices.end(), *value) == choices.end()) {
              std::string all;
              for (const auto& choice : choices) all += (all.empty() ? "" : ", ") + choice;
              return quoted(*value) + " is none of " + all + "." + did_you_mean(*value, choices);
            }
            config.*field = *value;
            return "";
          },
          [field](const Config& config) { return quoted(config.*field); }};
}

Setting bool_setting(const std::string& key, bool Config::*field, const std::string& help) {
  return {key, "boolean", help,
          [field](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<bool>();
            if (!value) return "must be true or false";
            config.*field = *value;
            return "";
          },
          [field](const Config& config) { return config.*field ? "true" : "false"; }};
}

std::string number_text(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text += '0';
  return text;
}

template <typename Field>
Setting scaling_setting(const std::string& name, Field ScalingConfig::*field, const std::string& help) {
  using Value = typename Field::value_type;
  const std::string type = std::is_same_v<Value, bool> ? "boolean" : std::is_same_v<Value, double> ? "float" : "integer";
  return {"scaling.config." + name, type, help,
          [field, type](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value<Value>();
            const bool fits = std::is_same_v<Value, bool> ? node.is_boolean() : node.is_number();
            if (!value || !fits) return "must be of type " + type;
            ScalingConfig alone;
            alone.*field = *value;
            const auto wrong = violations(alone);
            if (!wrong.empty()) return wrong.front();
            config.scaling.*field = *value;
            return "";
          },
          [field](const Config& config) -> std::string {
            const Value value = (config.scaling.*field).value_or(Value{});
            if constexpr (std::is_same_v<Value, bool>) return value ? "true" : "false";
            else if constexpr (std::is_same_v<Value, double>) return number_text(value);
            else return std::to_string(value);
          }};
}

template <typename Quantity>
std::string read_quantity(const toml::node& node, Result<Quantity> (*parse)(std::string_view), Quantity& out) {
  std::string text;
  if (const auto string = node.value_exact<std::string>()) text = *string;
  else if (const auto integer = node.value_exact<std::int64_t>()) text = std::to_string(*integer);
  else if (const auto number = node.value_exact<double>()) text = number_text(*number);
  else return "must be a quantity such as \"1Gi\" or \"250m\"";
  auto parsed = parse(text);
  if (!parsed) return parsed.error().message;
  out = *parsed;
  return "";
}

template <typename Quantity>
Setting unit_setting(const std::string& key, Result<Quantity> (*parse)(std::string_view), Quantity Resources::*field,
                     const std::string& help) {
  return {key, "quantity", help,
          [parse, field](Config& config, const toml::node& node) -> std::string {
            Quantity value;
            std::string wrong = read_quantity(node, parse, value);
            if (wrong.empty() && value.value == 0) wrong = "must be more than 0";
            if (wrong.empty()) config.compute_unit.*field = value;
            return wrong;
          },
          [field](const Config& config) { return quoted(to_string(config.compute_unit.*field)); }};
}

Setting watermark_setting() {
  return {"orchestrator.watermark", "float", "Share of a node above which VMs are moved away, more than 0, at most 1",
          [](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value<double>();
            if (!value || !node.is_number() || !(*value > 0) || *value > 1) return "must be a number above 0, at most 1";
            config.watermark = *value;
            return "";
          },
          [](const Config& config) { return number_text(config.watermark); }};
}

Setting nodes_setting() {
  return {"orchestrator.nodes", "integer", "Local nodes with equal shares of this machine, 1 to 64 (without [[node]])",
          [](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::int64_t>();
            if (!value || *value < 1 || *value > 64) return "must be an integer from 1 to 64";
            config.nodes = *value;
            return "";
          },
          [](const Config& config) { return std::to_string(config.nodes); }};
}

std::vector<Setting> scaling_settings() {
  using C = ScalingConfig;
  return {
      scaling_setting("loadAverageFractionTarget", &C::load_average_fraction_target, "Load average wanted per CPU"),
      scaling_setting("memoryUsageFractionTarget", &C::memory_usage_fraction_target, "Most of the memory to be in use"),
      scaling_setting("memoryTotalFractionTarget", &C::memory_total_fraction_target,
                      "Most of the memory to be in use or cache that matters"),
      scaling_setting("enableLFCMetrics", &C::enable_lfc_metrics, "Count the file cache's working set"),
      scaling_setting("lfcUseLargestWindow", &C::lfc_use_largest_window, "Only the longest working-set window"),
      scaling_setting("lfcToMemoryRatio", &C::lfc_to_memory_ratio, "Share of memory that the file cache may use"),
      scaling_setting("lfcWindowSizeMinutes", &C::lfc_window_size_minutes, "Window of the slope test, in minutes"),
      scaling_setting("lfcMinWaitBeforeDownscaleMinutes", &C::lfc_min_wait_before_downscale_minutes,
                      "Smallest working-set window considered, in minutes"),
      scaling_setting("cpuStableZoneRatio", &C::cpu_stable_zone_ratio, "Zone around load5 in which load1 is ignored"),
      scaling_setting("cpuMixedZoneRatio", &C::cpu_mixed_zone_ratio, "Zone in which load1 and load5 are blended")};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> list{
        text_setting("home", &Config::home, "Where VMs and their state are kept"),
        text_setting("log.level", &Config::log_level, "Least level that is logged", {"debug", "info", "warning", "error"}),
        bool_setting("log.json", &Config::log_json, "One JSON object a line"),
        text_setting("orchestrator.plugin", &Config::orchestrator, "Plugin that stores wishes and runs runners"),
        nodes_setting(),
        watermark_setting(),
        text_setting("hypervisor.plugin", &Config::hypervisor, "Plugin that runs machines"),
        text_setting("hypervisor.owner", &Config::owner, "Who owns the QEMU process", {"process", "libvirt"}),
        text_setting("hypervisor.qemu", &Config::qemu, "QEMU binary; empty: from PATH"),
        text_setting("hypervisor.libvirt_uri", &Config::libvirt_uri, "Connection of owner libvirt"),
        text_setting("hypervisor.machine_type", &Config::machine_type, "Machine type; empty: the plugin's"),
        text_setting("guest.kernel", &Config::guest_kernel, "Kernel of VMs without their own; empty: the default guest's"),
        text_setting("guest.initrd", &Config::guest_initrd, "Its initial RAM disk"),
        text_setting("guest.cmdline", &Config::guest_cmdline, "Appended to every guest's kernel command line"),
        bool_setting("guest.egress", &Config::egress, "VMs may open connections to the outside, this host included"),
        text_setting("scaling.policy", &Config::policy, "Policy of VMs that name none: a plugin's name or a path"),
        unit_setting("scaling.compute_unit_cpu", parse_milli_cpu, &Resources::cpu, "CPU of one compute unit"),
        unit_setting("scaling.compute_unit_memory", parse_bytes, &Resources::memory, "Memory of one compute unit")};
    for (Setting& setting : scaling_settings()) list.push_back(std::move(setting));
    return list;
  }();
  return all;
}

std::string place(const std::string& file, const toml::source_region& region) {
  return file + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

class Reader {
 public:
  Reader(Config& config, std::string file) : config_(config), file_(std::move(file)) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string path = prefix + std::string(key.str());
      if (path == "node") nodes(node);
      else one(path, key, node);
    }
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(const toml::source_region& at, const std::string& text) {
    wrong_ += (wrong_.empty() ? "" : "\n  ") + place(file_, at) + ": " + text;
  }

  void one(const std::string& path, const toml::key& key, const toml::node& node) {
    std::vector<std::string> known{"node"};
    for (const Setting& setting : settings()) {
      known.push_back(setting.key);
      if (setting.key == path) {
        const std::string wrong = setting.apply(config_, node);
        if (!wrong.empty()) complain(node.source(), path + ": " + wrong);
        config_.origin[path] = place(file_, node.source());
        return;
      }
    }
    const bool is_group = std::any_of(known.begin(), known.end(), [&](const auto& k) { return k.rfind(path + ".", 0) == 0; });
    if (is_group && node.is_table()) return table(*node.as_table(), path + ".");
    complain(key.source(), "unknown key " + quoted(path) + "." + did_you_mean(path, known));
  }

  void nodes(const toml::node& node) {
    if (!node.is_array_of_tables()) return complain(node.source(), "node: must be written as [[node]]");
    for (const toml::node& item : *node.as_array()) {
      Node made;
      made.watermark = config_.watermark;
      for (const auto& [key, value] : *item.as_table()) {
        const std::string wrong = node_field(made, std::string(key.str()), value);
        if (!wrong.empty()) complain(value.source(), "node." + std::string(key.str()) + ": " + wrong);
      }
      if (made.name.empty() || made.capacity.cpu.value == 0 || made.capacity.memory.value == 0) {
        complain(item.source(), "node: needs name, cpu and memory");
      }
      config_.node.push_back(std::move(made));
      config_.origin["node"] = place(file_, item.source());
    }
  }

  static std::string node_field(Node& node, const std::string& key, const toml::node& value) {
    if (key == "cpu") return read_quantity(value, parse_milli_cpu, node.capacity.cpu);
    if (key == "memory") return read_quantity(value, parse_bytes, node.capacity.memory);
    if (key == "watermark") {
      node.watermark = value.value<double>().value_or(0);
      return node.watermark > 0 && node.watermark <= 1 ? "" : "must be a number above 0, at most 1";
    }
    if (key == "name") {
      node.name = value.value_exact<std::string>().value_or("");
      return node.name.empty() ? "must be a name" : "";
    }
    return "unknown key." + did_you_mean(key, {"name", "cpu", "memory", "watermark"});
  }

  Config& config_;
  std::string file_;
  std::string wrong_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::vector<SettingFacts> settings_table(const Config& config) {
  std::vector<SettingFacts> table;
  for (const Setting& setting : settings()) {
    table.push_back({setting.key, setting.type, setting.show(config), setting.help});
  }
  return table;
}

std::string default_home() {
  if (auto home = environment("NEONVM_HOME"); !home.empty()) return home;
  if (auto state = environment("XDG_STATE_HOME"); !state.empty()) return state + "/neonvm";
  return environment("HOME") + "/.local/state/neonvm";
}

std::string default_config_path() {
  if (auto path = environment("XDG_CONFIG_HOME"); !path.empty()) return path + "/neonvm/config.toml";
  return environment("HOME") + "/.config/neonvm/config.toml";
}

Config default_config() {
  Config config;
  config.home = default_home();
  config.scaling = default_scaling_config();
  if (!environment("NEONVM_HOME").empty()) config.origin["home"] = "$NEONVM_HOME";
  return config;
}

Result<Config> load_config(const std::string& path, bool must_exist) {
  Config config = default_config();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (!must_exist) return config;
    return Error{Code::not_found, path + ": there is no such file; write one, or leave out --config"};
  }
  try {
    const toml::table table = toml::parse_file(path);
    Reader reader(config, path);
    reader.table(table, "");
    if (!reader.wrong().empty()) return Error{Code::invalid_argument, reader.wrong()};
  } catch (const toml::parse_error& wrong) {
    return Error{Code::invalid_argument, place(path, wrong.source()) + ": " + std::string(wrong.description())};
  }
  // The environment is nearer to this call than the file.
  if (auto home = environment("NEONVM_HOME"); !home.empty()) {
    config.home = home;
    config.origin["home"] = "$NEONVM_HOME";
  }
  return config;
}

}  // namespace neonvm::cli
