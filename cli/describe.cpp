// neonvm describe: one VM in words: what it should be, what it is, why, and what happened lately.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

void line(const std::string& name, const std::string& value) {
  constexpr std::size_t width = 16;
  if (value.empty()) return;
  std::cout << name << ":" << std::string(name.size() + 1 < width ? width - name.size() - 1 : 1, ' ') << value << "\n";
}

std::string settled_text(bool settled, const std::string& why) {
  if (!why.empty()) return (settled ? " — settled: " : " — ") + why;
  return settled ? "" : " — on its way";
}

void print_sizes(const VmView& vm) {
  line("CPU", "has " + cpus_text(vm.status.cpu.actual) + ", asked " + cpus_text(vm.spec.cpu.use) + ", may have " +
                  cpus_text(vm.spec.cpu.min) + " to " + cpus_text(vm.spec.cpu.max) +
                  settled_text(vm.status.cpu.settled, vm.status.cpu.why));
  line("Memory", "has " + human(vm.status.memory.actual) + ", asked " + human(vm.spec.memory.use) + ", may have " +
                     human(vm.spec.memory.min) + " to " + human(vm.spec.memory.max) +
                     settled_text(vm.status.memory.settled, vm.status.memory.why));
  line("Scaling", vm.spec.scaling.enabled ? "by itself, policy " + vm.spec.scaling.policy : "by hand");
  if (vm.spec.target_revision) {
    const auto reached = vm.status.current_revision.value_or(Revision{}).value;
    line("Revision", std::to_string(vm.spec.target_revision->value) +
                         (reached == vm.spec.target_revision->value ? ", reached" : ", reached " + std::to_string(reached)));
  }
}

void print_events(const std::vector<StoredEvent>& events, const std::string& name) {
  constexpr std::size_t most = 15;
  std::vector<const Event*> mine;
  for (const StoredEvent& stored : events) {
    if (stored.event.name == name && stored.event.kind == Kind::virtual_machine) mine.push_back(&stored.event);
  }
  if (mine.empty()) return;
  std::cout << "Events:\n";
  for (std::size_t i = mine.size() > most ? mine.size() - most : 0; i < mine.size(); ++i) {
    std::cout << "  " << time_text(mine[i]->at) << "  "
              << paint(mine[i]->warning ? Colour::warn : Colour::none, mine[i]->reason) << "  " << mine[i]->message << "\n";
  }
}

Result<int> describe_vm(Context& context, const std::string& name) {
  auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  line("Name", vm->object.name);
  line("Status", status_text(*vm) + (vm->status.why.empty() ? "" : " — " + vm->status.why));
  line("Node", vm->status.node);
  print_sizes(*vm);
  line("Guest", vm->status.guest_connected ? "its monitor answers (" + vm->status.guest_version + ")"
                                           : "no monitor answers: sized by hand only");
  if (vm->status.health.state != Health::none) {
    line("Health", std::string(to_string(vm->status.health.state)) +
                       (vm->status.health.why.empty() ? "" : " — " + vm->status.health.why));
  }
  for (const std::string& notice : vm->status.notices) line("Notice", notice);
  line("Image", vm->spec.root_image.empty() ? "the default guest" : vm->spec.root_image);
  for (const Port& port : vm->spec.ports) {
    if (port.host != 0) line("Port", "127.0.0.1:" + std::to_string(port.host) + " -> " + std::to_string(port.guest));
  }
  line("Accelerator", vm->status.accelerator);
  line("Runner", vm->status.runner);
  line("Migration", vm->status.migration);
  line("Restarts", std::to_string(vm->status.restarts) +
                       (vm->status.last_exit.empty() ? "" : ", last end: " + vm->status.last_exit));
  for (const Condition& condition : vm->status.conditions) {
    line(condition.type, std::string(condition.value ? "yes" : "no") +
                             (condition.message.empty() ? "" : " — " + condition.message));
  }
  auto orchestrator = context.orchestrator();
  if (auto events = (*orchestrator)->events(0, soon())) print_events(*events, name);
  return 0;
}

}  // namespace

Command describe_command() {
  return {"describe", "VMs", "Tell everything of one VM, in words", [](Options& o) {
            auto name = std::make_shared<std::string>();
            o.positional("name", *name, "vm", "Name of the VM");
            return [name](Context& context) { return describe_vm(context, *name); };
          }};
}

}  // namespace neonvm::cli
