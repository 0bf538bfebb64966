#include "cli/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <type_traits>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <filesystem>

#include "cli/config_setting.hpp"
#include "cli/output.hpp"
#include "cli/suggest.hpp"
#include "core/model/object.hpp"

namespace neonvm::cli {

std::string not_a(const std::string& wanted, const toml::node& node) {
  const char* got = node.is_string() ? "a string" : node.is_integer() ? "an integer" : node.is_boolean() ? "a boolean"
                    : node.is_floating_point() ? "a float" : node.is_table() ? "a table" : node.is_array() ? "an array"
                                                                                                       : "a date or time";
  return "must be " + wanted + ", not " + got;
}

namespace {

Setting text_setting(const std::string& key, std::string Config::*field, const std::string& help,
                     const std::vector<std::string>& choices = {}) {
  std::string text = help;
  for (const auto& choice : choices) text += (text == help ? ": " : ", ") + choice;
  return {key, "string", text,
          [field, choices](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::string>();
            if (!value) return not_a("a string", node);
            if (!choices.empty() && std::find(choices.begin(), choices.end(), *value) == choices.end()) {
              std::string all;
              for (const auto& choice : choices) all += (all.empty() ? "" : ", ") + choice;
              return json_string(*value) + " is none of " + all + "." + did_you_mean(*value, choices);
            }
            config.*field = *value;
            return "";
          },
          [field](const Config& config) { return json_string(config.*field); }};
}

Setting bool_setting(const std::string& key, bool Config::*field, const std::string& help) {
  return {key, "boolean", help,
          [field](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<bool>();
            if (!value) return not_a("true or false", node);
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
            if (!value || !fits) return not_a((type[0] == 'i' ? "an " : "a ") + type, node);
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
  else return not_a("a quantity such as \"1Gi\" or \"250m\"", node);
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
          [field](const Config& config) { return json_string(to_string(config.compute_unit.*field)); }};
}

std::string read_watermark(const toml::node& node, double& out) {
  if (!node.is_number()) return not_a("a number above 0, at most 1", node);
  const double value = node.value<double>().value_or(0);
  if (!(value > 0) || value > 1) return number_text(value) + " is out of range; give more than 0, at most 1";
  out = value;
  return "";
}

std::string read_headroom(const toml::node& node, double& out) {
  if (!node.is_number()) return not_a("a number from 0 to 0.5", node);
  const double value = node.value<double>().value_or(-1);
  if (!(value >= 0) || value > 0.5) return number_text(value) + " is out of range; give 0 to 0.5";
  out = value;
  return "";
}

Setting share_setting(const std::string& key, std::string (*read)(const toml::node&, double&), double Config::*field, const std::string& help) {
  return {key, "float", help, [read, field](Config& config, const toml::node& node) { return read(node, config.*field); },
          [field](const Config& config) { return number_text(config.*field); }};
}

Setting whole_setting(const std::string& key, std::int64_t Config::*field, std::int64_t low, std::int64_t high, const std::string& help) {
  return {key, "integer", help,
          [field, low, high](Config& config, const toml::node& node) -> std::string {
            const auto value = node.value_exact<std::int64_t>();
            if (!value) return not_a("an integer", node);
            if (*value < low || *value > high)
              return std::to_string(*value) + " is out of range; give " + std::to_string(low) + " to " + std::to_string(high);
            config.*field = *value;
            return "";
          },
          [field](const Config& config) { return std::to_string(config.*field); }};
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
        whole_setting("orchestrator.nodes", &Config::nodes, 1, 64, "Local nodes with equal shares of this machine, 1 to 64 (without [[node]])"),
        share_setting("orchestrator.watermark", read_watermark, &Config::watermark, "Share of a node above which VMs are moved away, more than 0, at most 1"),
        share_setting("scheduler.headroom", read_headroom, &Config::headroom_share,
                      "Of `neonvm scheduler`: share of a node that its agent may give to VMs without asking, also while the scheduler is away; 0: none, at most 0.5"),
        whole_setting("scheduler.headroom_seconds", &Config::headroom_seconds, 10, 3600,
                      "For how long that may be given away without word from the scheduler, 10 to 3600; a new scheduler lends so much and half a minute later"),
        text_setting("kubernetes.kubeconfig", &Config::kubeconfig, "File for orchestrator k8s; empty: $KUBECONFIG or ~/.kube/config, in a pod its service account"),
        text_setting("kubernetes.context", &Config::kube_context, "Context of it; empty: its current-context"),
        text_setting("kubernetes.namespace", &Config::kube_namespace, "Namespace of the VMs; empty: the context's; \"*\": all, VMs are then called NAMESPACE/NAME"),
        text_setting("kubernetes.runner_image", &Config::runner_image, "Image of runner pods"),
        text_setting("kubernetes.system_namespace", &Config::system_namespace, "Where neonvm itself lives, with the authority of its runners"),
        text_setting("kubernetes.kvm_resource", &Config::kvm_resource, "Extended resource that gives a pod /dev/kvm, \"neonvm/kvm\"; empty: runners emulate"),
        text_setting("kubernetes.scheduler", &Config::runner_scheduler, "Scheduler of runner pods; empty: the cluster's"),
        bool_setting("kubernetes.mark_nodes", &Config::mark_nodes, "Label VMs neonvm.dev/node=NODE, for agents that look at one node each"),
        bool_setting("kubernetes.publish_usage", &Config::publish_usage,
                     "Keep vm.neon.tech/usage and the like on VMs' pods true, for a cluster-autoscaler that reads them; two writes a minute and VM at most"),
        text_setting("kubernetes.runners_through", &Config::runners_through,
                     "How to get to runners: by their pods' addresses, or through the API server; auto: commands outside of the cluster through the server",
                     {"auto", "pods", "server"}),
        text_setting("kubernetes.runner_network", &Config::runner_network,
                     "Of VMs: user, which needs no privilege; or routed, by the kernel: faster, VMs see who calls, and pods have an init container with NET_ADMIN",
                     {"user", "routed"}),
        text_setting("hypervisor.plugin", &Config::hypervisor, "Plugin that runs machines"),
        text_setting("hypervisor.owner", &Config::owner, "Who owns the QEMU process", {"process", "libvirt"}),
        text_setting("hypervisor.qemu", &Config::qemu, "QEMU binary; empty: from PATH"),
        text_setting("hypervisor.libvirt_uri", &Config::libvirt_uri, "Connection of owner libvirt"),
        bool_setting("hypervisor.cpu_quota", &Config::cpu_quota, "QEMU takes no more CPU time than its VM's size, where there is a cgroup for that"),
        text_setting("hypervisor.machine_type", &Config::machine_type, "Machine type; empty: the plugin's"),
        text_setting("guest.kernel", &Config::guest_kernel, "Kernel of VMs without their own; empty: the default guest's"),
        text_setting("guest.initrd", &Config::guest_initrd, "Its initial RAM disk"),
        text_setting("guest.cmdline", &Config::guest_cmdline, "Appended to every guest's kernel command line"),
        bool_setting("guest.egress", &Config::egress, "VMs may open connections to the outside, this host included"),
        text_setting("scaling.policy", &Config::policy, "Policy of VMs that name none: a plugin's name or a path"),
        unit_setting("scaling.compute_unit_cpu", parse_milli_cpu, &Resources::cpu, "CPU of one compute unit"),
        unit_setting("scaling.compute_unit_memory", parse_bytes, &Resources::memory, "Memory of one compute unit")};
    for (Setting& setting : scaling_settings()) list.push_back(std::move(setting));
    for (auto* more : {event_settings, network_settings})
      for (Setting& setting : more()) list.push_back(std::move(setting));
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
      if (path != "node") one(path, key, node);
    }
    // Last, for what a node does not say comes from the other settings.
    if (const toml::node* const node = prefix.empty() ? table.get("node") : nullptr) nodes(*node);
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  void complain(const toml::source_region& at, const std::string& text) {
    wrong_ += (wrong_.empty() ? "" : "\n  ") + place(file_, at) + ": " + text;
  }

  void one(const std::string& path, const toml::key& key, const toml::node& node) {
    for (const Setting& setting : settings()) {
      if (setting.key != path) continue;
      const std::string wrong = setting.apply(config_, node);
      if (!wrong.empty()) complain(node.source(), path + ": " + wrong);
      config_.origin[path] = place(file_, node.source());
      return;
    }
    const auto known = known_keys();
    if (std::find(known.begin(), known.end(), path) == known.end()) {
      return complain(key.source(), "unknown key " + json_string(path) + "." + meant(path, known));
    }
    if (!node.is_table()) return complain(node.source(), path + ": " + not_a("a table", node));
    table(*node.as_table(), path + ".");
  }

  // Settings, and the tables that hold them.
  static std::vector<std::string> known_keys() {
    std::vector<std::string> known{"node"};
    for (const Setting& setting : settings()) {
      known.push_back(setting.key);
      for (std::size_t dot = 0; (dot = setting.key.find('.', dot)) != std::string::npos; ++dot) {
        known.push_back(setting.key.substr(0, dot));
      }
    }
    return known;
  }

  static std::string meant(const std::string& path, const std::vector<std::string>& known) {
    const std::string last = "." + path.substr(path.rfind('.') + 1);
    for (const std::string& key : known) {
      if (key.size() > last.size() && key.ends_with(last)) return " Did you mean " + json_string(key) + "?";
    }
    return did_you_mean(path, known);
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
      for (const Node& other : config_.node) {
        if (other.name == made.name) complain(item.source(), "node: there are two of the name " + json_string(made.name));
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
    if (key == "watermark") return read_watermark(value, node.watermark);
    if (key == "name") {
      node.name = value.value_exact<std::string>().value_or("");
      if (!value.is_string()) return not_a("a name", value);
      const Status named = check_name(node.name);
      return named ? "" : named.error().message;
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
  std::error_code error;
  if (auto home = environment("NEONVM_HOME"); !home.empty()) return std::filesystem::absolute(home, error).string();
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

namespace {

Status readable(const std::string& path, bool must_exist) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return Error{Code::invalid_argument, path + ": is a directory, not a file"};
  if (access(path.c_str(), R_OK) == 0) return {};
  if (errno != ENOENT && errno != ENOTDIR) return Error{Code::permission_denied, path + ": " + std::strerror(errno)};
  if (must_exist) return Error{Code::not_found, path + ": there is no such file; write one, or leave out --config"};
  return Error{Code::not_found, ""};
}

Result<Config> read_file(const std::string& path, Config config) {
  try {
    const toml::table table = toml::parse_file(path);
    Reader reader(config, path);
    reader.table(table, "");
    if (!reader.wrong().empty()) return Error{Code::invalid_argument, reader.wrong()};
  } catch (const toml::parse_error& wrong) {
    return Error{Code::invalid_argument, place(path, wrong.source()) + ": " + std::string(wrong.description())};
  }
  if (!std::filesystem::path(config.home).is_absolute()) {
    return Error{Code::invalid_argument, config.origin["home"] + ": home: " + json_string(config.home) + " must be an absolute path"};
  }
  config.file = std::filesystem::absolute(path).string();
  return config;
}

}  // namespace

Result<Config> load_config(const std::string& path, bool must_exist) {
  Config config = default_config();
  const Status there = readable(path, must_exist);
  if (!there && there.error().message.empty()) return config;
  if (!there) return there.error();
  auto read = read_file(path, std::move(config));
  if (!read) return read.error();
  // The environment is nearer to this call than the file.
  if (!environment("NEONVM_HOME").empty()) {
    read->home = default_home();
    read->origin["home"] = "$NEONVM_HOME";
  }
  return read;
}

}  // namespace neonvm::cli
