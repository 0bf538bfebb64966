#include "core/daemon/controller.hpp"

#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using runtime::WorkOutcome;

namespace {

using NamesOf = std::map<std::string, std::set<std::string>>;

std::set<std::string> names_of(const NamesOf& all, const std::string& owner) {
  const auto found = all.find(owner);
  return found == all.end() ? std::set<std::string>() : found->second;
}

void note(NamesOf& all, const std::string& owner, const std::string& name, bool gone) {
  if (!gone) all[owner].insert(name);
  else if (const auto known = all.find(owner); known != all.end() && known->second.erase(name) != 0 && known->second.empty()) all.erase(known);
}

}  // namespace

Controller::Controller(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PlacementOffice& places,
                       PermitOffice& permits, runtime::MetricsRegistry& metrics, AddressOffice* addresses, ControllerSettings settings)
    : loop_(loop),
      world_(world),
      places_(places),
      metrics_(metrics),
      record_(metrics),
      tools_{loop,
             orchestrator,
             world,
             places,
             permits,
             metrics,
             addresses,
             settings,
             std::make_shared<LinkRest>(settings.rest),
             [this](const std::string& vm) { look_at(vm); },
             [this](const std::string& uid) { return names_of(runners_of_, uid); },
             [this](const std::string& vm) { return names_of(migrations_of_, vm); }} {}

Controller::~Controller() {
  places_.on_room(nullptr);
  if (tools_.addresses != nullptr) tools_.addresses->on_room(nullptr);
  queue_.reset();
}

void Controller::start() {
  for (const Phase phase : {Phase::none, Phase::pending, Phase::running, Phase::scaling, Phase::pre_migrating, Phase::migrating,
                            Phase::succeeded, Phase::failed, Phase::stopped})
    metrics_.gauge(families::vms, {to_string(phase)}).set(0);
  collected_ = metrics_.at_scrape([this](std::vector<runtime::MetricSample>& out) {
    out.push_back({&families::queue_length, {}, static_cast<double>(queue_->waiting())});
    for (const auto& [outcome, count] : failing_.count(loop_.now()))
      for (const bool retried : {true, false})
        out.push_back({&families::up_failing, {"virtualmachine", outcome, retried ? "true" : "false"}, retried ? static_cast<double>(count) : 0.0});
  });
  queue_ = std::make_unique<runtime::WorkQueue>(
      loop_, [this](const std::string& vm, std::function<void(WorkOutcome)> done) { work(vm, std::move(done)); });
  const auto follow = [this](Kind kind, void (Controller::*changed)(const Change&)) {
    for (const auto& [name, object] : world_.all(kind)) (this->*changed)({ChangeKind::added, object});
    subscriptions_.push_back(world_.listen(kind, [this, changed](const Change& change) {
      if (change.kind != ChangeKind::synced) (this->*changed)(change);
    }));
  };
  follow(Kind::runner, &Controller::runner_changed);
  follow(Kind::migration, &Controller::migration_changed);
  follow(Kind::virtual_machine, &Controller::vm_changed);
  subscriptions_.push_back(world_.listen(Kind::node, [this](const Change& change) {
    if (change.kind == ChangeKind::synced || change.kind == ChangeKind::changed) return;
    // A node that came or went is what a VM may be waiting for, or degraded by.
    for (const auto& [name, keeper] : keepers_) look_at(name);
  }));
  subscriptions_.push_back(world_.when_whole([this] { world_synced(); }));
  const auto room = [this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    for (const auto& [name, keeper] : keepers_)
      if (keeper->room_came()) look_at(name);
  };
  places_.on_room(room);
  if (tools_.addresses != nullptr) tools_.addresses->on_room(room);
  world_synced();
}

void Controller::vm_changed(const Change& change) {
  if (change.kind != ChangeKind::deleted) {
    const auto at = keepers_.find(change.object.name);
    if (at != keepers_.end()) at->second->wish_changed(change.object.generation);
  }
  look_at(change.object.name);
  const auto status = wire::decode_vm_status(change.object.status);
  if (status) record_.vm_seen(change.object, *status, change.kind == ChangeKind::deleted, loop_.wall());
  count_vm(change.object.name, status && change.kind != ChangeKind::deleted ? std::optional(status->phase) : std::nullopt);
}

void Controller::migration_changed(const Change& change) {
  record_.migration_seen(change.object, change.kind == ChangeKind::deleted);
  const auto spec = wire::decode_migration_spec(change.object.spec);
  if (!spec) return;
  note(migrations_of_, spec->vm, change.object.name, change.kind == ChangeKind::deleted);
  look_at(spec->vm);
}

void Controller::runner_changed(const Change& change) {
  const Object& object = change.object;
  const bool gone = change.kind == ChangeKind::deleted;
  if (!gone) record_.runner_seen(object);
  note(runners_of_, object.owner_uid, object.name, gone);
  if (const auto spec = wire::decode_runner_spec(object.spec)) look_at(spec->vm);
}

void Controller::world_synced() {
  if (!world_.synced()) return;
  std::set<std::string> owners;
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) {
    owners.insert(address_owner(object));
    look_at(name);
  }
  if (tools_.addresses != nullptr) tools_.addresses->take_stock([owners = std::move(owners)](const std::string& owner) { return owners.count(owner) != 0; });
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
    passed(vm, began, outcome);
    done(outcome);
    // Not here: the keeper is still under our feet.
    loop_.post([this, weak, vm] {
      if (weak.expired()) return;
      const auto at = keepers_.find(vm);
      if (at == keepers_.end() || !at->second->idle()) return;
      keepers_.erase(at);
      failing_.forget(vm);
      queue_->forget(vm);
    });
  });
}

void Controller::passed(const std::string& vm, Instant began, const WorkOutcome& outcome) {
  const bool failed = outcome.kind == WorkOutcome::Kind::retry;
  const char* name = failed ? "failure" : outcome.conflict ? "conflict" : "success";
  failing_.passed(vm, failed ? FailingObjects::Outcome::failure : outcome.conflict ? FailingObjects::Outcome::conflict : FailingObjects::Outcome::success,
                  loop_.now());
  const double took = seconds(loop_.now() - began);
  metrics_.histogram(families::reconcile_seconds, {failed ? "failure" : "success"}).observe(took);
  metrics_.histogram(families::up_reconcile_seconds, {name}).observe(took);
}

void Controller::count_vm(const std::string& name, std::optional<Phase> phase) {
  const auto before = phases_.find(name);
  if (before != phases_.end() && before->second == phase) return;
  const auto count = [this](Phase of, int more) {
    metrics_.gauge(families::vms, {to_string(of)}).set(vms_in_[of] += more);
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
