// neonvm describe: one VM in words: what it should be, what it is, why, and what happened lately.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "cli/vm_live.hpp"
#include "core/decide/memory_plan.hpp"
#include "core/wire/description.hpp"

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

std::string disk_text(const Disk& disk) {
  const std::string how = std::string(disk.read_only ? ", read-only" : "") + (disk.quotas ? ", with quota" : "") + (disk.discard ? ", discard" : "");
  switch (disk.source) {
    case DiskSource::empty: return human(disk.size) + " at " + disk.mount_path + how;
    case DiskSource::image: return disk.reference + " at " + disk.mount_path + how;
    case DiskSource::tmpfs: return human(disk.size) + " of memory at " + disk.mount_path;
    case DiskSource::config_map: return "configmap " + disk.reference + " at " + disk.mount_path;
    case DiskSource::secret: return "secret " + disk.reference + " at " + disk.mount_path;
  }
  return "";
}

void print_disks(const VmView& vm, const VmLive& live) {
  if (vm.status.swap) {
    const MemoryState& swap = *vm.status.swap;
    std::string used;
    if (live.report) used = ", " + human(live.report->swap_used) + " of it used";
    line("Swap", "has " + human(swap.actual) + ", asked " + human(swap.asked) + used + settled_text(swap.settled, swap.why));
  }
  for (const Disk& disk : vm.spec.disks) {
    std::string state;
    for (const FilesState& files : vm.status.files) {
      if (files.name == disk.name) state = files.why.empty() ? " — as on the host" : " — behind: " + files.why;
    }
    line("Disk", disk.name + ": " + disk_text(disk) + state);
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

// A sample comes each second.
constexpr Duration sample_limit = std::chrono::milliseconds(2500);

VmLive live_of(Context& context, const VmView& vm) {
  if (!is_alive(vm.status.phase) || vm.status.endpoint.empty()) return {};
  return look_at(reach_of(context, vm), sample_limit);
}

std::optional<MemoryPlan> plan_of(const VmView& vm, const VmLive& live) {
  if (!live.report || !live.sample) return std::nullopt;
  const decide::MachineShape shape = decide::memory_shape_of(vm.spec);
  return decide::plan_memory(shape, live.report->memory.actual - shape.base_memory, *live.sample);
}

void print_plan(const MemoryPlan& plan) {
  line("Memory plan", "would give back " + human(plan.reclaimable) + " now, down to " + human(plan.floor) + "; can grow to " +
                          human(plan.most) + (plan.most_why.empty() ? "" : " — " + plan.most_why));
  std::string held;
  for (const Held& each : plan.held) {
    if (each.amount >= Bytes{mib}) held += (held.empty() ? "" : ", ") + human(round_down(each.amount, mib)) + " " + to_string(each.holder);
  }
  line("Held by", held);
  const auto zone = [](Bytes size, Bytes room) { return human(round_down(size, mib)) + ", " + human(round_down(room, mib)) + " free"; };
  line("Zones", "kernel's " + zone(plan.kernel_size, plan.kernel_room) + "; movable " + zone(plan.movable_size, plan.movable_free) +
                    (plan.in_kernel_zone < Bytes{mib} ? "" : "; " + human(round_down(plan.in_kernel_zone, mib)) +
                                                                 " of what is plugged is the kernel's and may stay"));
}

Result<int> describe_json(Context& context, const std::string& name) {
  auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  constexpr int indent = 2;
  std::cout << wire::encode_description(vm->object, plan_of(*vm, live_of(context, *vm)), indent) << "\n";
  return 0;
}

Result<int> describe_vm(Context& context, const std::string& name) {
  auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  line("Name", vm->object.name);
  line("Status", status_text(*vm) + (vm->status.why.empty() ? "" : " — " + vm->status.why));
  line("Node", vm->status.node);
  print_sizes(*vm);
  const VmLive live = live_of(context, *vm);
  if (const auto plan = plan_of(*vm, live)) print_plan(*plan);
  line("Guest", vm->status.guest_connected ? "its monitor answers (" + vm->status.guest_version + ")"
                                           : "no monitor answers: sized by hand only");
  if (vm->status.health.state != Health::none) {
    line("Health", std::string(to_string(vm->status.health.state)) +
                       (vm->status.health.why.empty() ? "" : " — " + vm->status.health.why));
  }
  line("Clock", vm->status.clock_news);
  for (const std::string& notice : vm->status.notices) line("Notice", notice);
  line("Image", vm->spec.root_image.empty() ? "the default guest" : vm->spec.root_image);
  for (const Port& port : vm->spec.ports) {
    if (port.host != 0) line("Port", "127.0.0.1:" + std::to_string(port.host) + " -> " + std::to_string(port.guest));
  }
  print_disks(*vm, live);
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
            auto output = std::make_shared<std::string>("text");
            o.positional("name", *name, "vm", "Name of the VM");
            o.choice("-o,--output", *output, {"text", "json"}, "How to print; json: what is stored, and the memory plan");
            return [name, output](Context& context) {
              return *output == "json" ? describe_json(context, *name) : describe_vm(context, *name);
            };
          }};
}

}  // namespace neonvm::cli
