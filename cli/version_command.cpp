// neonvm version: which program this is, and what it is built from.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "cli/version.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::cli {

Command version_command() {
  return {"version", "Setup", "Show the version of this program and of its plugin interface", [](Options& o) {
            auto output = std::make_shared<std::string>("text");
            o.choice("-o,--output", *output, {"text", "json"}, "How to print");
            return [output](Context&) -> Result<int> {
              const std::string abi = std::to_string(NEONVM_ABI_MAJOR) + "." + std::to_string(NEONVM_ABI_MINOR);
              if (*output == "json") {
                std::cout << "{\"version\":" << json_string(version()) << ",\"pluginAbi\":" << json_string(abi) << "}\n";
              } else {
                std::cout << version_line() << "\nplugin interface " << abi << "\n";
              }
              return 0;
            };
          }};
}

}  // namespace neonvm::cli
