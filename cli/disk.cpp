// neonvm disk: what a VM's disk may hold.
#include <algorithm>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/runner_request.hpp"

namespace neonvm::cli {

namespace {

struct QuotaOptions {
  std::string action, vm, disk, size;
};

Result<int> limit_disk(Context& context, const QuotaOptions& options) {
  if (options.action != "quota") return Error{Code::invalid_argument, "\"" + options.action + "\": write: neonvm disk quota VM DISK SIZE"};
  Bytes limit;
  if (options.size != "none") {
    auto size = parse_bytes(options.size);
    if (!size) return size.error().at("SIZE");
    limit = *size;
  }
  auto vm = find_vm(context, options.vm);
  if (!vm) return vm.error();
  const auto& disks = vm->spec.disks;
  const auto disk = std::find_if(disks.begin(), disks.end(), [&](const Disk& each) { return each.name == options.disk; });
  if (disk == disks.end()) return Error{Code::not_found, options.vm + " has no disk \"" + options.disk + "\"; see: neonvm describe " + options.vm};
  if (!disk->quotas) {
    return Error{Code::failed_precondition, options.disk + " was made without quotas; make it with --disk …,quota or enableQuotas: true"};
  }
  auto endpoint = runner_reach(context, *vm);
  if (!endpoint) return endpoint.error();
  if (auto done = runner_request(*endpoint, wire::Quota{options.disk, limit}, std::chrono::seconds(10)); !done) return done.error();
  std::cout << options.disk << " of " << options.vm << (limit.value == 0 ? " has no limit" : " may hold " + to_string(limit)) << "\n";
  return 0;
}

}  // namespace

Command disk_command() {
  return {"disk", "VMs", "Limit what a disk of a running VM may hold", [](Options& o) {
            auto options = std::make_shared<QuotaOptions>();
            o.positional("action", options->action, "quota", "quota");
            o.positional("vm", options->vm, "vm", "Name of the VM");
            o.positional("disk", options->disk, "", "Name of the disk");
            o.positional("size", options->size, "none", "How much it may hold at most, or none");
            o.example("neonvm disk quota db data 2Gi");
            return [options](Context& context) { return limit_disk(context, *options); };
          }};
}

}  // namespace neonvm::cli
