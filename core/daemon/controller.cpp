#include "core/daemon/controller.hpp"

#include <utility>

#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using runtime::WorkOutcome;

Controller::Controller(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PlacementOffice& places,
                       PermitOffice& permits, runtime::MetricsRegistry& metrics, ControllerSettings settings)
    : loop_(loop),
      world_(world),
      places_(places),
      metrics_(metrics),
      tools_{loop,
             orchestrator,
             world,
             places,
             permits,
             metrics,
             std::move(settings),
             [this](const std::string& vm) { look_at(vm); },
             [this](const std::string& uid) {
               const auto found = runners_of_.find(uid);
               return found == runners_of_.end() ? std::set<std::string>() : found->second;
             }} {}

Controller::~Controller() {
  places_.on_room(nullptr);
  queue_.reset();
}

void Controller::start() {
  for (const Phase phase : {Phase::none, Phase::pending, Phase::running, Phase::scaling, Phase::pre_migrating, Phase::migrating,
                            Phase::succeeded, Phase::failed, Phase::stopped})
    metrics_.gauge("neonvm_vms", "VMs by phase", {{"phase", to_string(phase)}}).set(0);
  queue_ = std::make_unique<runtime::WorkQueue>(
      loop_, [this](const std::string& vm, std::function<void(WorkOutcome)> done) { work(vm, std::move(done)); });
  const auto follow = [this](Kind kind, void (Controller::*changed)(const Change&)) {
    for (const auto& [name, object] : world_.all(kind)) (this->*changed)({ChangeKind::added, object});
    subscriptions_.push_back(world_.listen(kind, [this, changed](const Change& change) {
      change.kind == ChangeKind::synced ? world_synced() : (this->*changed)(change);
    }));
  };
  follow(Kind::runner, &Controller::runner_changed);
  follow(Kind::migration, &Controller::migration_changed);
  follow(Kind::virtual_machine, &Controller::vm_changed);
  subscriptions_.push_back(world_.listen(Kind::node, [this](const Change& change) {
    if (change.kind == ChangeKind::synced) return world_synced();
    if (change.kind == ChangeKind::changed) return;
    // A node that came or went is what a VM may be waiting for, or degraded by.
    for (const auto& [name, keeper] : keepers_) look_at(name);
  }));
  places_.on_room([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    for (const auto& [name, keeper] : keepers_) {
      keeper->room_came();
      look_at(name);
    }
  });
  world_synced();
}

void Controller::vm_changed(const Change& change) {
  if (change.kind != ChangeKind::deleted) {
    const auto at = keepers_.find(change.object.name);
    if (at != keepers_.end()) at->second->wish_changed(change.object.generation);
  }
  look_at(change.object.name);
  const auto status = wire::decode_vm_status(change.object.status);
  count_vm(change.object.name, status && change.kind != ChangeKind::deleted ? std::optional(status->phase) : std::nullopt);
}

void Controller::migration_changed(const Change& change) {
  if (const auto spec = wire::decode_migration_spec(change.object.spec)) look_at(spec->vm);
}

void Controller::runner_changed(const Change& change) {
  const Object& object = change.object;
  if (change.kind == ChangeKind::deleted) {
    const auto known = runners_of_.find(object.owner_uid);
    if (known != runners_of_.end() && known->second.erase(object.name) != 0 && known->second.empty()) runners_of_.erase(known);
  } else {
    runners_of_[object.owner_uid].insert(object.name);
  }
  if (const auto spec = wire::decode_runner_spec(object.spec)) look_at(spec->vm);
}

void Controller::world_synced() {
  if (!world_.synced()) return;
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) look_at(name);
  for (const auto& [name, object] : world_.all(Kind::migration))
    if (const auto spec = wire::decode_migration_spec(object.spec)) look_at(spec->vm);
}

void Controller::look_at(const std::string& vm) {
  if (world_.synced()) queue_->add(vm);
}

VmKeeper& Controller::keeper(const std::string& vm) {
  auto& keeper = keepers_[vm];
  if (!keeper) keeper = std::make_unique<VmKeeper>(tools_, vm);
  return *keeper;
}

void Controller::work(const std::string& vm, std::function<void(WorkOutcome)> done) {
  const Instant began = loop_.now();
  keeper(vm).pass([this, weak = std::weak_ptr(alive_), vm, began, done = std::move(done)](WorkOutcome outcome) {
    if (weak.expired()) return;
    metrics_.histogram("neonvm_reconcile_duration_seconds", "Duration of one pass of the controller over a VM",
                       {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10}, {{"outcome", outcome.kind == WorkOutcome::Kind::retry ? "failure" : "success"}})
        .observe(seconds(loop_.now() - began));
    done(outcome);
    // Not here: the keeper is still under our feet.
    loop_.post([this, weak, vm] {
      if (weak.expired()) return;
      const auto at = keepers_.find(vm);
      if (at == keepers_.end() || !at->second->idle()) return;
      keepers_.erase(at);
      queue_->forget(vm);
    });
  });
}

void Controller::count_vm(const std::string& name, std::optional<Phase> phase) {
  const auto before = phases_.find(name);
  if (before != phases_.end() && before->second == phase) return;
  const auto count = [this](Phase of, int more) {
    metrics_.gauge("neonvm_vms", "VMs by phase", {{"phase", to_string(of)}}).set(vms_in_[of] += more);
  };
  if (before != phases_.end()) {
    count(before->second, -1);
    phases_.erase(before);
  }
  if (!phase) return;
  count(*phase, 1);
  phases_[name] = *phase;
}

}  // namespace neonvm::daemon
