// neonvm plugins: what there is, and why the rest was refused.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

struct PluginOptions {
  std::vector<std::string> files;
  std::string output = "table";
};

std::string as_json(const plugin::PluginInfo& info) {
  return "{\"kind\":" + json_string(info.kind) + ",\"name\":" + json_string(info.name) + ",\"version\":" +
         json_string(info.version) + ",\"where\":" + json_string(info.where) + ",\"refusal\":" +
         json_string(info.refusal) + "}";
}

Result<int> list_plugins(Context& context, const PluginOptions& options) {
  std::vector<plugin::PluginInfo> all;
  if (options.files.empty()) all = context.catalog().list();
  for (const std::string& file : options.files) all.push_back(plugin::Catalog::look_at(file));
  bool refused = false;
  if (options.output == "json") {
    std::string json = "[";
    for (const auto& info : all) json += (json.size() == 1 ? "" : ",") + as_json(info);
    std::cout << json << "]\n";
  } else {
    Table table({"KIND", "NAME", "VERSION", "WHERE", "REFUSED BECAUSE"});
    for (const auto& info : all) {
      table.row({info.kind.empty() ? "?" : info.kind, info.name.empty() ? "?" : info.name, info.version, info.where,
                 paint(Colour::bad, info.refusal)});
    }
    table.print();
  }
  for (const auto& info : all) refused = refused || !info.refusal.empty();
  return refused && !options.files.empty() ? 1 : 0;
}

}  // namespace

Command plugins_command() {
  return {"plugins", "Setup", "Show the plugins, and why one was refused", [](Options& o) {
            auto options = std::make_shared<PluginOptions>();
            o.rest("file", options->files, "Look at these files instead");
            o.choice("-o,--output", options->output, {"table", "json"}, "How to print");
            return [options](Context& context) { return list_plugins(context, *options); };
          }};
}

}  // namespace neonvm::cli
