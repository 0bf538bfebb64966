// neonvm scale: another size by hand, or scaling by itself again.
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/policy_option.hpp"
#include "cli/scale_swap.hpp"
#include "cli/output.hpp"

namespace neonvm::cli {

namespace {

struct ScaleOptions {
  std::string name, cpus, memory, swap, policy, wait = "30s";
  std::vector<std::string> shadows;
  bool automatic = false, no_wait = false;
};

Status check_within(const std::string& option, const std::string& given, bool inside, const std::string& least,
                    const std::string& most) {
  if (inside) return {};
  return Error{Code::invalid_argument, option + ": " + given + " is outside of what this VM was made for, " + least +
                                           " to " + most + "; its limits are fixed when it is made (neonvm run)"};
}

Status change_size(const ScaleOptions& options, VmSpec& spec) {
  if (!options.cpus.empty()) {
    auto cpus = parse_milli_cpu(options.cpus);
    if (!cpus) return cpus.error().at("--cpus");
    const bool inside = *cpus >= spec.cpu.min && *cpus <= spec.cpu.max;
    if (auto ok = check_within("--cpus", options.cpus, inside, cpus_text(spec.cpu.min), cpus_text(spec.cpu.max)); !ok) return ok;
    spec.cpu.use = *cpus;
  }
  if (!options.memory.empty()) {
    auto memory = parse_bytes(options.memory);
    if (!memory) return memory.error().at("--memory");
    const bool inside = *memory >= spec.memory.min && *memory <= spec.memory.max;
    if (auto ok = check_within("--memory", options.memory, inside, to_string(spec.memory.min), to_string(spec.memory.max)); !ok) {
      return ok;
    }
    spec.memory.use = round_up(*memory, spec.memory.slot_size.value);
  }
  return {};
}

Status change_spec(Context& context, const ScaleOptions& options, VmSpec& spec) {
  if (options.automatic) {
    spec.scaling.enabled = true;
    if (options.policy.empty()) return {};
    auto policy = read_policy_option(context, "--policy", options.policy);
    if (!policy) return policy.error();
    spec.scaling.policy = std::move(policy->name);
    spec.scaling.policy_options = std::move(policy->options);
    return {};
  }
  const Resources before = spec.use();
  if (auto changed = change_size(options, spec); !changed) return changed;
  spec.scaling.enabled = false;
  Revision revision = spec.target_revision.value_or(Revision{});
  ++revision.value;
  revision.flags = (exceeds_somewhere(spec.use(), before) ? Revision::upscale : 0) |
                   (exceeds_somewhere(before, spec.use()) ? Revision::downscale : 0);
  spec.target_revision = revision;
  return {};
}

Result<int> change_shadows(Context& context, const ScaleOptions& options) {
  auto shadows = read_shadow_options(context, options.shadows);
  if (!shadows) return shadows.error();
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  while (true) {
    auto object = context.find(Kind::virtual_machine, options.name);
    if (!object) return object.error();
    wire::encode_shadow_policies(*shadows, *object);
    auto written = (*orchestrator)->update(*object, soon());
    if (written) break;
    if (written.error().code != Code::conflict) return written.error();
  }
  std::cout << options.name << (shadows->empty() ? " has no shadow policies\n" : " is watched by shadow policies; see: neonvm explain " + options.name + "\n");
  return 0;
}

// "" when the VM has what its spec says; settled short of it counts as there, and is told.
std::string has_size(const VmView& vm) {
  if (!is_alive(vm.status.phase)) return std::string(to_string(vm.status.phase));
  const Revision wanted = vm.spec.target_revision.value_or(Revision{});
  const bool asked = vm.status.cpu.asked == vm.spec.cpu.use && vm.status.memory.asked == vm.spec.memory.use;
  const bool there = vm.status.cpu.actual == vm.spec.cpu.use && vm.status.memory.actual == vm.spec.memory.use;
  if (there) return "";
  if (!asked) return vm.status.why.empty() ? "asking for revision " + std::to_string(wanted.value) : vm.status.why;
  if (vm.status.cpu.settled && vm.status.memory.settled) return "";
  const std::string& why = vm.status.why;
  return cpus_text(vm.status.cpu.actual) + " CPU, " + human(vm.status.memory.actual) + " so far" +
         (why.empty() ? "" : " (" + why + ")");
}

Result<int> scale_vm(Context& context, const ScaleOptions& options) {
  const bool sized = !options.cpus.empty() || !options.memory.empty();
  if (!options.shadows.empty() && !sized && !options.automatic) return change_shadows(context, options);
  if (!options.shadows.empty()) return Error{Code::invalid_argument, "--shadow goes without --cpus, --memory and --auto"};
  if (!options.swap.empty()) {
    auto limit = parse_duration("--wait", options.wait);
    if (!limit) return limit.error();
    auto done = scale_swap(context, {options.name, options.swap, *limit, options.no_wait});
    if (!done || (!sized && !options.automatic)) return done;
  }
  if (sized == options.automatic) {
    return Error{Code::invalid_argument, sized ? "--auto goes without --cpus and --memory"
                                               : "nothing to do; give --cpus, --memory, --swap, --auto or --shadow"};
  }
  auto limit = parse_duration("--wait", options.wait);
  if (!limit) return limit.error();
  auto vm = edit_vm(context, options.name, [&](VmSpec& spec) { return change_spec(context, options, spec); });
  if (!vm) return vm.error();
  if (options.automatic) {
    std::cout << options.name << " scales by itself between " << to_string(vm->spec.min()) << " and "
              << to_string(vm->spec.max()) << " (policy " << vm->spec.scaling.policy << ")\n";
    return 0;
  }
  if (auto serving = context.need_serve(); !serving) return serving.error();
  if (options.no_wait || vm->spec.stopped) {
    std::cout << options.name << " is to have " << to_string(vm->spec.use()) << "\n";
    return 0;
  }
  const auto began = std::chrono::steady_clock::now();
  auto there = wait_for(context, options.name, *limit, has_size);
  if (!there) return there.error();
  std::cout << options.name << " has " << cpus_text(there->status.cpu.actual) << " CPU, "
            << human(there->status.memory.actual) << " after "
            << (std::chrono::steady_clock::now() - began) / std::chrono::milliseconds(1) << " ms\n";
  const bool cpu_short = there->status.cpu.actual != there->spec.cpu.use;
  const bool memory_short = there->status.memory.actual != there->spec.memory.use;
  if (!cpu_short && !memory_short) return 0;
  return Error{Code::refused, options.name + ": " + (cpu_short ? "CPU: " + there->status.cpu.why : "") +
                                  (cpu_short && memory_short ? "; " : "") +
                                  (memory_short ? "memory: " + there->status.memory.why : "")};
}

}  // namespace

Command scale_command() {
  return {"scale", "VMs", "Give a running VM another size", [](Options& o) {
            auto options = std::make_shared<ScaleOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.text("--cpus", options->cpus, "CPUS", "CPUs from now on; turns scaling by itself off");
            o.text("--memory,-m", options->memory, "SIZE", "Memory from now on; turns scaling by itself off");
            o.text("--swap", options->swap, "SIZE", "Swap from now on, moved while it is in use; 0: none");
            o.flag("--auto", options->automatic, "Scale by itself again");
            o.text("--policy", options->policy, "NAME[,KEY=VALUE…]", "With --auto: by this policy");
            o.list("--shadow", options->shadows, "NAME[,KEY=VALUE…]", "Policies to run beside it without effect; none: no more");
            o.flag("--no-wait", options->no_wait, "Return at once");
            o.text("--wait", options->wait, "TIME", "How long to wait for the size");
            o.example("neonvm scale web --cpus 2 --memory 1Gi");
            o.example("neonvm scale web --swap 2Gi");
            o.example("neonvm scale web --auto");
            return [options](Context& context) { return scale_vm(context, *options); };
          }};
}

}  // namespace neonvm::cli
