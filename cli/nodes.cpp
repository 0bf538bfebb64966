// neonvm nodes: where VMs can run, and what is taken there.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

Result<int> list_nodes(Context& context, const std::string& output) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  auto objects = (*orchestrator)->list(Kind::node, soon());
  if (!objects) return objects.error();
  auto vms = all_vms(context);
  if (!vms) return vms.error();
  if (output == "json") {
    std::string json = "[";
    for (const Object& object : *objects) json += (json.size() == 1 ? "" : ",") + wire::encode_object(object);
    std::cout << json << "]\n";
    return 0;
  }
  if (objects->empty()) std::cerr << "No nodes yet: the control plane makes them when it first runs (neonvm serve)\n";
  Table table({"NAME", "CPUS", "MEMORY", "VMS", "SCHEDULABLE"});
  for (const Object& object : *objects) {
    auto node = wire::decode_node(object);
    if (!node) return node.error();
    Resources used;
    int count = 0;
    for (const VmView& vm : *vms) {
      if (vm.status.node != object.name || !is_alive(vm.status.phase)) continue;
      used = used + Resources{vm.status.cpu.actual, vm.status.memory.actual};
      ++count;
    }
    table.row({object.name, cpus_text(used.cpu) + " of " + cpus_text(node->capacity.cpu),
               human(used.memory) + " of " + human(node->capacity.memory), std::to_string(count),
               node->schedulable ? "yes" : "no"});
  }
  table.print();
  return 0;
}

}  // namespace

Command nodes_command() {
  return {"nodes", "Setup", "Show the nodes and what is taken on each", [](Options& o) {
            auto output = std::make_shared<std::string>("table");
            o.choice("-o,--output", *output, {"table", "json"}, "How to print");
            return [output](Context& context) { return list_nodes(context, *output); };
          }};
}

}  // namespace neonvm::cli
