// neonvm migrate: move a running VM to another node.
#include <unistd.h>

#include <iostream>
#include <random>

#include "cli/commands_host.hpp"
#include "cli/output.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct MigrateOptions {
  std::string name, to, wait = "10m", bandwidth;
  bool no_wait = false, cancel = false;
};

std::string fresh_name(const std::string& vm) {
  std::random_device device;
  std::string name = vm.substr(0, 40) + "-move-";
  for (int i = 0; i < 5; ++i) name += "abcdefghijklmnopqrstuvwxyz0123456789"[device() % 36];
  return name;
}

Result<int> cancel_migration(Context& context, const VmView& vm) {
  if (vm.status.migration.empty()) {
    return Error{Code::failed_precondition, vm.object.name + " is not being migrated"};
  }
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  while (true) {
    auto object = (*orchestrator)->get(Kind::migration, vm.status.migration, soon());
    if (!object) return object.error();
    auto spec = wire::decode_migration_spec(object->spec);
    if (!spec) return spec.error();
    spec->cancel = true;
    object->spec = wire::encode(*spec);
    auto written = (*orchestrator)->update(*object, soon());
    if (written) break;
    if (written.error().code != Code::conflict) return written.error();
  }
  std::cout << vm.status.migration << " is to be cancelled\n";
  return 0;
}

std::string progress_text(const MigrationStatus& status) {
  const MigrationProgress& p = status.progress;
  std::string text = p.step.empty() ? to_string(status.phase) : p.step;
  if (p.total.value > 0 && status.phase == MigrationPhase::running) {
    text += ", " + human(p.transferred) + " sent, " + human(p.remaining) + " of " + human(p.total) + " left";
  }
  return text + (status.why.empty() ? "" : " (" + status.why + ")");
}

Result<int> follow(Context& context, const std::string& vm, const std::string& name, Duration limit) {
  auto orchestrator = context.orchestrator();
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  auto watch = (*orchestrator)->watch(Kind::migration, deadline);
  if (!watch) return watch.error();
  Progress progress;
  while (std::chrono::steady_clock::now() < deadline) {
    auto change = (*watch)->next(deadline);
    if (!change) return change.error();
    if (!*change) break;
    if ((*change)->object.name != name) continue;
    if ((*change)->kind == ChangeKind::deleted) return Error{Code::cancelled, name + " was deleted meanwhile"};
    auto status = wire::decode_migration_status((*change)->object.status);
    if (!status) return status.error();
    if (status->phase == MigrationPhase::succeeded) {
      progress.done();
      std::cout << vm << " runs on " << status->target_node << " (copied " << human(status->progress.transferred)
                << " in " << status->progress.total_time / std::chrono::milliseconds(1) << " ms, stood still for "
                << status->progress.downtime / std::chrono::milliseconds(1) << " ms)\n";
      return 0;
    }
    if (status->phase == MigrationPhase::failed || status->phase == MigrationPhase::cancelled) {
      return Error{Code::refused, vm + " stays on " + status->source_node + ": " + to_string(status->phase) + ": " +
                                      status->why};
    }
    progress.say(vm + ": " + progress_text(*status));
  }
  return Error{Code::deadline_exceeded, vm + " is still being moved; it goes on. See: neonvm describe " + vm};
}

Result<int> migrate_vm(Context& context, const MigrateOptions& options) {
  auto limit = parse_duration("--wait", options.wait);
  if (!limit) return limit.error();
  auto vm = find_vm(context, options.name);
  if (!vm) return vm.error();
  if (options.cancel) return cancel_migration(context, *vm);
  if (auto endpoint = runner_reach(context, *vm); !endpoint) return endpoint.error();
  MigrationSpec spec;
  spec.vm = options.name;
  spec.target_node = options.to;
  spec.timeout = *limit;
  if (!options.bandwidth.empty()) {
    auto rate = parse_bytes(options.bandwidth);
    if (!rate) return rate.error().at("--bandwidth");
    spec.max_bandwidth = rate->value;
  }
  if (!options.to.empty()) {
    auto node = context.find(Kind::node, options.to);
    if (!node) return node.error().at("--to");
    if (options.to == vm->status.node) {
      return Error{Code::invalid_argument, "--to: " + options.name + " runs on " + options.to + " already"};
    }
  }
  if (auto serving = context.need_serve(); !serving) return serving.error();
  Object object;
  object.kind = Kind::migration;
  object.name = fresh_name(options.name);
  object.owner_uid = vm->object.uid;
  object.spec = wire::encode(spec);
  auto orchestrator = context.orchestrator();
  auto created = (*orchestrator)->create(object, soon());
  if (!created) return created.error();
  if (options.no_wait) {
    std::cout << object.name << " created\n";
    return 0;
  }
  return follow(context, options.name, object.name, *limit);
}

}  // namespace

Command migrate_command() {
  return {"migrate", "VMs", "Move a running VM to another node", [](Options& o) {
            auto options = std::make_shared<MigrateOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.text("--to", options->to, "NODE", "Node to move to (default: the scheduler chooses)");
            o.text("--bandwidth", options->bandwidth, "SIZE", "At most so many bytes a second");
            o.flag("--cancel", options->cancel, "Call the migration under way off; the VM stays where it is");
            o.flag("--no-wait", options->no_wait, "Return at once");
            o.text("--wait", options->wait, "TIME", "Time limit of the migration");
            o.example("neonvm migrate web --to node2");
            return [options](Context& context) { return migrate_vm(context, *options); };
          }};
}

}  // namespace neonvm::cli
