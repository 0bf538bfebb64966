// neonvm list: the VMs, a line each.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct ListOptions {
  std::string output = "table", label;
};

bool matches(const VmView& vm, const std::string& label) {
  if (label.empty()) return true;
  const auto equals = label.find('=');
  const auto found = vm.object.labels.find(label.substr(0, equals));
  if (found == vm.object.labels.end()) return false;
  return equals == std::string::npos || found->second == label.substr(equals + 1);
}

std::string ports_text(const VmSpec& spec) {
  std::string text;
  for (const Port& port : spec.ports) {
    if (port.host == 0) continue;
    text += (text.empty() ? "" : ",") + std::to_string(port.host) + ":" + std::to_string(port.guest);
  }
  return text.empty() ? "-" : text;
}

WallTime now_wall() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

void print_table(const std::vector<VmView>& vms, bool wide) {
  std::vector<std::string> header{"NAME", "STATUS", "CPUS", "MEMORY", "NODE", "RESTARTS", "AGE"};
  if (wide) header.insert(header.end(), {"POLICY", "GUEST", "PORTS", "RUNNER", "WHY"});
  Table table(header);
  for (const VmView& vm : vms) {
    std::vector<std::string> row{vm.object.name, status_text(vm), size_text(vm), memory_text(vm),
                                 vm.status.node.empty() ? "-" : vm.status.node, std::to_string(vm.status.restarts),
                                 age(vm.object.created, now_wall())};
    if (wide) {
      row.insert(row.end(), {vm.spec.scaling.enabled ? vm.spec.scaling.policy : "-",
                             vm.status.guest_connected ? vm.status.guest_version : "-", ports_text(vm.spec),
                             vm.status.runner.empty() ? "-" : vm.status.runner, vm.status.why});
    }
    table.row(std::move(row));
  }
  table.print();
}

Result<int> list_vms(Context& context, const ListOptions& options) {
  auto vms = all_vms(context);
  if (!vms) return vms.error();
  std::erase_if(*vms, [&](const VmView& vm) { return !matches(vm, options.label); });
  if (options.output == "table" || options.output == "wide") {
    if (vms->empty()) std::cerr << "No VMs. Make one: neonvm run web --cpus 0.5..2 --memory 512Mi..2Gi\n";
    else print_table(*vms, options.output == "wide");
    return 0;
  }
  if (options.output == "name") {
    for (const VmView& vm : *vms) std::cout << vm.object.name << "\n";
    return 0;
  }
  std::string json = R"({"apiVersion":"v1","kind":"List","items":[)";
  for (std::size_t i = 0; i < vms->size(); ++i) json += (i == 0 ? "" : ",") + wire::encode_object((*vms)[i].object);
  json += "]}";
  std::cout << (options.output == "yaml" ? json_to_yaml(json) : json + "\n");
  return 0;
}

}  // namespace

Command list_command() {
  return {"list", "VMs", "Show the VMs", [](Options& o) {
            auto options = std::make_shared<ListOptions>();
            o.choice("-o,--output", options->output, {"table", "wide", "json", "yaml", "name"}, "How to print");
            o.text("-l,--label", options->label, "KEY[=VALUE]", "Only VMs with this label");
            return [options](Context& context) { return list_vms(context, *options); };
          }};
}

}  // namespace neonvm::cli
