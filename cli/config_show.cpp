// neonvm config: the settings in force, and where each came from.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "cli/suggest.hpp"

namespace neonvm::cli {

namespace {

struct ConfigOptions {
  std::string action, output = "toml";
};

std::string origin_of(const Config& config, const std::string& key) {
  const auto found = config.origin.find(key);
  return found == config.origin.end() ? "default" : found->second;
}

void print_json(const Config& config) {
  std::string json = "[";
  for (const SettingFacts& fact : settings_table(config)) {
    json += (json.size() == 1 ? "" : ",") + std::string("{\"key\":") + json_string(fact.key) + ",\"value\":" + fact.value +
            ",\"type\":" + json_string(fact.type) + ",\"from\":" + json_string(origin_of(config, fact.key)) +
            ",\"help\":" + json_string(fact.help) + "}";
  }
  std::cout << json << "]\n";
}

void print_toml(const Config& config) {
  std::string group;
  for (const SettingFacts& fact : settings_table(config)) {
    const auto dot = fact.key.rfind('.');
    const std::string of = dot == std::string::npos ? "" : fact.key.substr(0, dot);
    if (of != group) std::cout << "\n[" << of << "]\n";
    group = of;
    const std::string name = dot == std::string::npos ? fact.key : fact.key.substr(dot + 1);
    std::cout << name << " = " << fact.value << paint(Colour::dim, "  # " + origin_of(config, fact.key)) << "\n";
  }
  for (const Node& node : config.node) {
    std::cout << "\n[[node]]\nname = " << json_string(node.name) << "\ncpu = " << json_string(to_string(node.capacity.cpu))
              << "\nmemory = " << json_string(to_string(node.capacity.memory)) << "\nwatermark = " << node.watermark << "\n";
  }
}

Result<int> config_action(Context& context, const ConfigOptions& options) {
  if (options.action == "path") {
    std::cout << (context.globals().config.empty() ? default_config_path() : context.globals().config) << "\n";
    return 0;
  }
  if (options.action != "show") {
    return Error{Code::invalid_argument, "\"" + options.action + "\" is none of show, path." +
                                           did_you_mean(options.action, {"show", "path"})};
  }
  auto config = context.config();
  if (!config) return config.error();
  if (options.output == "json") print_json(**config);
  else print_toml(**config);
  return 0;
}

}  // namespace

Command config_command() {
  return {"config", "Setup", "Show the settings in force and where each came from", [](Options& o) {
            auto options = std::make_shared<ConfigOptions>();
            o.positional("action", options->action, "show|path", "show, or path: where the file is looked for");
            o.choice("-o,--output", options->output, {"toml", "json"}, "How to print");
            o.example("neonvm config show");
            return [options](Context& context) { return config_action(context, *options); };
          }};
}

}  // namespace neonvm::cli
