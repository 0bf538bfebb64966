// neonvm run: make a VM and start it.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/disk_options.hpp"
#include "cli/guest_wait.hpp"
#include "cli/image_steps.hpp"
#include "cli/policy_option.hpp"
#include "cli/vm_view.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct RunOptions {
  std::string name, cpus = "1", memory = "512Mi", image, policy, restart = "always", kernel, cmdline, wait = "2m";
  std::string cpu_mode;
  std::vector<std::string> ports, env, labels, shadows, command;
  DiskOptions disks;
  bool no_wait = false, fixed = false, may_migrate = false;
};

Result<Port> parse_port(const std::string& text) {
  const auto wrong = [&text] {
    return Error{Code::invalid_argument,
                 "-p: \"" + text + "\" is no port; write HOST:GUEST, each 1 to 65535, perhaps with /udp: 8080:80"};
  };
  Port port;
  std::string numbers = text;
  if (const auto slash = text.find('/'); slash != std::string::npos) {
    const std::string protocol = text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") return wrong();
    port.protocol = protocol == "udp" ? Protocol::udp : Protocol::tcp;
    numbers = text.substr(0, slash);
  }
  const auto colon = numbers.find(':');
  const auto number = [](const std::string& digits) -> std::uint16_t {
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos) return 0;
    const int value = std::stoi(digits);
    return value > 65535 ? std::uint16_t{0} : static_cast<std::uint16_t>(value);
  };
  if (colon == std::string::npos) return wrong();
  port.host = number(numbers.substr(0, colon));
  port.guest = number(numbers.substr(colon + 1));
  if (port.host == 0 || port.guest == 0) return wrong();
  return port;
}

// The coarsest slot up to 128 MiB that divides both ends, doubled until at most 512 slots are needed (upstream's limit).
Result<Bytes> slot_for(Bytes least, Bytes most) {
  for (std::uint64_t size = 128 * mib; size >= 8 * mib; size /= 2) {
    if (least.value % size != 0 || most.value % size != 0) continue;
    while (most.value / size > 512 && least.value % (size * 2) == 0 && most.value % (size * 2) == 0) size *= 2;
    return Bytes{size};
  }
  return Error{Code::invalid_argument, "--memory: both ends must be multiples of 8Mi; the nearest are " +
                                           to_string(round_up(least, 8 * mib)) + ".." + to_string(round_up(most, 8 * mib))};
}

Result<std::pair<std::string, std::string>> key_value(const std::string& option, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Error{Code::invalid_argument, option + ": \"" + text + "\" has no key; write KEY=VALUE"};
  }
  return std::make_pair(text.substr(0, equals), text.substr(equals + 1));
}

// A name in the store of images, or a file.
Status read_image(Context& context, const std::string& image, VmSpec& spec) {
  if (image.empty()) return {};
  if (context.remote_control_plane()) {  // a container image, which the cluster's nodes pull
    spec.root_image = image;
    return {};
  }
  std::error_code error;
  if (builder::check_image_name(image)) {
    auto store = open_images(context);
    if (!store) return store.error();
    if (auto found = store->find(image)) {
      spec.root_image = found->path;
      if (found->facts.root == "erofs") spec.kernel_cmdline = "rootfstype=erofs";
      return {};
    }
  }
  const auto path = std::filesystem::absolute(image, error);
  if (!std::filesystem::is_regular_file(path, error)) {
    return Error{Code::not_found, "--image: " + image + " is neither an image (neonvm image list) nor a file; give a name, or a qcow2 or raw disk"};
  }
  spec.root_image = path.string();
  return {};
}

Status read_policy(Context& context, const RunOptions& options, VmSpec& spec, Object& object) {
  auto config = context.config();
  if (!config) return config.error();
  auto policy = read_policy_option(context, "--policy", options.policy.empty() ? (*config)->policy : options.policy);
  if (!policy) return policy.error();
  spec.scaling.policy = std::move(policy->name);
  spec.scaling.policy_options = std::move(policy->options);
  auto shadows = read_shadow_options(context, options.shadows);
  if (!shadows) return shadows.error();
  wire::encode_shadow_policies(*shadows, object);
  return {};
}

Status read_sizes(const RunOptions& options, VmSpec& spec) {
  auto cpus = parse_cpu_range("--cpus", options.cpus);
  if (!cpus) return cpus.error();
  auto memory = parse_memory_range("--memory", options.memory);
  if (!memory) return memory.error();
  auto slot = slot_for(memory->least, memory->most);
  if (!slot) return slot.error();
  spec.cpu = {cpus->least, cpus->least, cpus->most};
  spec.memory = {memory->least, memory->least, memory->most, *slot};
  spec.scaling.enabled = !options.fixed && (cpus->least != cpus->most || memory->least != memory->most);
  return {};
}

Status read_lists(const RunOptions& options, VmSpec& spec, Object& object) {
  for (const std::string& text : options.ports) {
    auto port = parse_port(text);
    if (!port) return port.error();
    spec.ports.push_back(*port);
  }
  for (const std::string& text : options.env) {
    auto pair = key_value("--env", text);
    if (!pair) return pair.error();
    spec.env.push_back({pair->first, pair->second});
  }
  for (const std::string& text : options.labels) {
    auto pair = key_value("--label", text);
    if (!pair) return pair.error();
    object.labels[pair->first] = pair->second;
  }
  spec.command = options.command;
  return {};
}

Result<Object> object_from(Context& context, const RunOptions& options) {
  if (auto name = check_name(options.name); !name) return name.error().at("NAME");
  Object object;
  object.name = options.name;
  VmSpec spec;
  if (auto read = read_sizes(options, spec); !read) return read.error();
  if (auto read = read_image(context, options.image, spec); !read) return read.error();
  if (auto read = read_lists(options, spec, object); !read) return read.error();
  if (auto read = read_disk_options(options.disks, spec); !read) return read.error();
  if (auto read = read_policy(context, options, spec, object); !read) return read.error();
  spec.scaling.may_migrate = options.may_migrate;
  spec.kernel = options.kernel;
  if (!options.cmdline.empty()) spec.kernel_cmdline += (spec.kernel_cmdline.empty() ? "" : " ") + options.cmdline;
  spec.restart_policy = options.restart == "always"  ? RestartPolicy::always
                        : options.restart == "never" ? RestartPolicy::never
                                                     : RestartPolicy::on_failure;
  if (!options.cpu_mode.empty()) {
    spec.cpu_scaling_mode = options.cpu_mode == "qmp" ? CpuScalingMode::qmp : CpuScalingMode::sysfs;
  }
  if (const auto wrong = violations(spec); !wrong.empty()) {
    std::string text;
    for (const auto& line : wrong) text += (text.empty() ? "" : "\n  ") + line;
    return Error{Code::invalid_argument, text};
  }
  wire::encode_vm_spec(spec, object);
  return object;
}

Result<int> run_vm(Context& context, const RunOptions& options) {
  auto limit = parse_duration("--wait", options.wait);
  if (!limit) return limit.error();
  auto object = object_from(context, options);
  if (!object) return object.error();
  if (auto serving = context.need_serve(); !serving) return serving.error();
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  auto created = (*orchestrator)->create(*object, soon());
  if (!created) {
    if (created.error().code != Code::already_exists) return created.error();
    return Error{Code::already_exists, "there is a VM " + options.name + " already; start it: neonvm start " +
                                           options.name + ", or delete it: neonvm delete " + options.name};
  }
  if (options.no_wait) {
    std::cout << options.name << " created\n";
    return 0;
  }
  const auto began = std::chrono::steady_clock::now();
  auto vm = wait_for(context, options.name, *limit, running_and_answering);
  if (!vm) return vm.error();
  await_guest(context, *limit, *vm);
  char took[32];
  std::snprintf(took, sizeof took, "%.1f s", seconds(std::chrono::steady_clock::now() - began));
  std::cout << options.name << " runs on " << vm->status.node << " with " << cpus_text(vm->status.cpu.actual) << " CPU, "
            << human(vm->status.memory.actual) << " (" << vm->status.accelerator << ", " << took << ")\n";
  if (!vm->status.guest_connected) {
    std::cerr << "neonvm: no monitor answers in the guest, or not yet: without one it can be sized by hand (neonvm scale), not by itself\n";
  }
  const WorkloadHealth& health = vm->status.health;
  if (health.state != Health::unhealthy && health.state != Health::starting) return 0;
  std::cerr << "neonvm: its workload is " << to_string(health.state) << (health.why.empty() ? "" : ": " + health.why)
            << "; see neonvm logs " << options.name << "\n";
  return 1;
}

}  // namespace

Command run_command() {
  return {"run", "VMs", "Make a VM and start it", [](Options& o) {
            auto options = std::make_shared<RunOptions>();
            o.positional("name", options->name, "", "Name of the new VM: a to z, 0 to 9 and dashes");
            o.text("--cpus", options->cpus, "CPUS", "CPUs, fixed or from..to: 2, 0.5..4");
            o.text("--memory,-m", options->memory, "SIZE", "Memory, fixed or from..to: 1Gi, 512Mi..4Gi");
            o.text("--image", options->image, "NAME|FILE", "Image by name (neonvm image list), or a disk, qcow2 or raw; with k8s a container image. It is not changed (default: a small guest)");
            o.list("-p,--publish", options->ports, "HOST:GUEST", "Open a port of this host for one of the VM, may repeat");
            o.list("-e,--env", options->env, "KEY=VALUE", "Environment of the command, may repeat");
            o.list("-l,--label", options->labels, "KEY=VALUE", "Label, may repeat");
            o.list("--disk", options->disks.disks, "NAME=SIZE:/path", "A disk of its own (,ro ,discard ,quota), or NAME=FILE:/path, may repeat");
            o.list("--tmpfs", options->disks.tmpfs, "SIZE:/path", "A folder in memory, may repeat");
            o.list("--configmap", options->disks.configmaps, "SOURCE:/path", "Files of a configmap, or NAME=FOLDER:/path; changes follow (,once ,optional ,mode=0644)");
            o.list("--secret", options->disks.secrets, "SOURCE:/path", "The same of a secret (neonvm secret); never on a disk of the guest");
            o.text("--swap", options->disks.swap, "SIZE", "Swap; neonvm scale changes it later");
            o.list("--sysctl", options->disks.sysctl, "NAME=VALUE", "Kernel setting of the guest, may repeat");
            o.text("--policy", options->policy, "NAME[,KEY=VALUE…]", "Scaling policy: a plugin's name or the path of a .so");
            o.list("--shadow", options->shadows, "NAME[,KEY=VALUE…]", "Policy to run beside it without effect, may repeat");
            o.flag("--fixed", options->fixed, "Do not scale by itself");
            o.flag("--may-migrate", options->may_migrate, "May be moved to another node when its node is full");
            o.choice("--restart", options->restart, {"always", "on-failure", "never"}, "When to start it again");
            o.text("--kernel", options->kernel, "FILE", "Kernel to boot");
            o.text("--append", options->cmdline, "WORDS", "Appended to the kernel command line");
            o.choice("--cpu-mode", options->cpu_mode, {"sysfs", "qmp"}, "How CPUs come and go: in the guest, or as devices");
            o.flag("--no-wait", options->no_wait, "Return at once");
            o.text("--wait", options->wait, "TIME", "How long to wait until it runs");
            o.rest("command", options->command, "Command that the guest runs, after --");
            o.example("neonvm run web --cpus 0.5..4 --memory 512Mi..4Gi -p 8080:80");
            o.example("neonvm run db --disk data=10Gi:/data,quota --secret db:/run/db --swap 1Gi");
            o.example("neonvm run db --image debian.qcow2 --policy ./mine.so");
            return [options](Context& context) { return run_vm(context, *options); };
          }};
}

}  // namespace neonvm::cli
