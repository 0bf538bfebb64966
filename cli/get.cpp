// neonvm get: one VM as it is stored.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct GetOptions {
  std::string name, output = "wide";
};

void print_wide(const VmView& vm) {
  Table table({"NAME", "STATUS", "CPUS", "MEMORY", "NODE", "RUNNER", "WHY"});
  table.row({vm.object.name, status_text(vm), size_text(vm), memory_text(vm),
             vm.status.node.empty() ? "-" : vm.status.node, vm.status.runner.empty() ? "-" : vm.status.runner,
             vm.status.why});
  table.print();
}

Result<int> get_vm(Context& context, const GetOptions& options) {
  auto object = context.find(Kind::virtual_machine, options.name);
  if (!object) return object.error();
  if (options.output == "wide") {
    auto vm = view_of(std::move(*object));
    if (!vm) return vm.error();
    print_wide(*vm);
    return 0;
  }
  constexpr int indent = 2;
  const std::string json = wire::encode_object(*object, indent);
  std::cout << (options.output == "yaml" ? json_to_yaml(json) : json + "\n");
  return 0;
}

}  // namespace

Command get_command() {
  return {"get", "VMs", "Show one VM as it is stored", [](Options& o) {
            auto options = std::make_shared<GetOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.choice("-o,--output", options->output, {"wide", "json", "yaml"}, "How to print");
            return [options](Context& context) { return get_vm(context, *options); };
          }};
}

}  // namespace neonvm::cli
