// neonvm crd: the custom resources of a cluster, as this program knows them.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/crd_manifests.hpp"
#include "cli/yaml.hpp"

namespace neonvm::cli {

namespace {

// One List, so that it is one document to whoever reads it.
Result<std::string> manifests_as_json() {
  auto documents = yaml_documents("neonvm crd", std::string(crd_manifests()));
  if (!documents) return documents.error();
  std::string items;
  for (const YamlDocument& document : *documents) items += (items.empty() ? "" : ",") + document.json;
  return "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" + items + "]}\n";
}

Result<int> print_manifests(const std::string& output) {
  if (output == "yaml") {
    std::cout << crd_manifests();
    return 0;
  }
  auto json = manifests_as_json();
  if (!json) return json.error();
  std::cout << *json;
  return 0;
}

}  // namespace

Command crd_command() {
  return {"crd", "Setup", "Print the custom resources that a Kubernetes cluster needs", [](Options& o) {
            auto output = std::make_shared<std::string>("yaml");
            o.choice("-o,--output", *output, {"yaml", "json"}, "How to print");
            o.example("neonvm crd | kubectl apply -f -");
            return [output](Context&) { return print_manifests(*output); };
          }};
}

}  // namespace neonvm::cli
