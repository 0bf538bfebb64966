// neonvm start, stop, delete: whether a VM runs at all.
#include <filesystem>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/guest_wait.hpp"
#include "cli/output.hpp"
#include "cli/ssh_keys.hpp"

namespace neonvm::cli {

namespace {

struct LifecycleOptions {
  std::vector<std::string> names;
  std::string wait = "2m";
  bool no_wait = false, missing_ok = false;
};

template <typename One>
Result<int> each(Context& context, const LifecycleOptions& options, One one) {
  auto limit = parse_duration("--wait", options.wait);
  if (!limit) return limit.error();
  for (const std::string& name : options.names) {
    if (auto done = one(context, name, *limit, options); !done) return done.error();
  }
  return 0;
}

Status start_one(Context& context, const std::string& name, Duration limit, const LifecycleOptions& options) {
  auto vm = edit_vm(context, name, [](VmSpec& spec) -> Status {
    spec.stopped = false;
    return {};
  });
  if (!vm) return vm.error();
  if (auto serving = context.need_serve(); !serving) return serving;
  if (!options.no_wait) {
    const auto began = vm->object.generation;
    auto up = wait_for(context, name, limit, [began](const VmView& now) {
      if (now.object.generation < began || now.status.phase == Phase::stopped) return std::string("starting");
      return running_and_answering(now);
    });
    if (!up) return up.error();
    await_guest(context, limit, *up);
  }
  std::cout << name << (options.no_wait ? " is to start\n" : " runs\n");
  return {};
}

Status stop_one(Context& context, const std::string& name, Duration limit, const LifecycleOptions& options) {
  auto vm = edit_vm(context, name, [](VmSpec& spec) -> Status {
    spec.stopped = true;
    return {};
  });
  if (!vm) return vm.error();
  if (auto serving = context.need_serve(); !serving) return serving;
  if (!options.no_wait) {
    auto down = wait_for(context, name, limit, [](const VmView& now) {
      return now.status.phase == Phase::stopped ? std::string() : std::string("powering off");
    });
    if (!down) return down.error();
    std::cout << name << " is stopped" << (down->status.last_exit.empty() ? "" : " (" + down->status.last_exit + ")")
              << "\n";
    return {};
  }
  std::cout << name << " is to stop\n";
  return {};
}

// A cluster's VM leaves nothing of it on this machine. At a desk the folder goes with the VM.
Status forget_ssh(Context& context, const Object& vm) {
  const auto config = context.config();
  if (!config) return config.error();
  if (!context.remote_control_plane() || vm.uid.empty()) return {};
  const std::string folder = ssh_folder_of(vm, (*config)->home, true);
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  return error ? Status(Error{Code::internal, folder + ": the keys of neonvm ssh cannot be removed: " + error.message()}) : Status{};
}

Status delete_one(Context& context, const std::string& name, Duration limit, const LifecycleOptions& options) {
  auto found = context.find(Kind::virtual_machine, name);
  if (!found) {
    if (options.missing_ok && found.error().code == Code::not_found) return {};
    return found.error();
  }
  if (auto serving = context.need_serve(); !serving) return serving;
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  if (auto removed = (*orchestrator)->remove(Kind::virtual_machine, name, soon()); !removed) return removed;
  if (auto forgotten = forget_ssh(context, *found); !forgotten) return forgotten;
  if (!options.no_wait) {
    if (auto gone = wait_gone(context, Kind::virtual_machine, name, limit); !gone) return gone;
  }
  std::cout << name << (options.no_wait ? " is to be deleted\n" : " is deleted, with its disk\n");
  return {};
}

std::shared_ptr<LifecycleOptions> add_common(Options& o) {
  auto options = std::make_shared<LifecycleOptions>();
  o.rest("name", options->names, "Names of VMs", true);
  o.flag("--no-wait", options->no_wait, "Return at once");
  o.text("--wait", options->wait, "TIME", "How long to wait");
  return options;
}

}  // namespace

Command start_command() {
  return {"start", "VMs", "Start stopped VMs", [](Options& o) {
            auto options = add_common(o);
            return [options](Context& context) { return each(context, *options, start_one); };
          }};
}

Command stop_command() {
  return {"stop", "VMs", "Power VMs off in order; they keep their disks", [](Options& o) {
            auto options = add_common(o);
            return [options](Context& context) { return each(context, *options, stop_one); };
          }};
}

Command delete_command() {
  return {"delete", "VMs", "Stop VMs and delete them with their disks", [](Options& o) {
            auto options = add_common(o);
            o.flag("--ignore-missing", options->missing_ok, "Be content when there is no such VM");
            return [options](Context& context) { return each(context, *options, delete_one); };
          }};
}

}  // namespace neonvm::cli
