#include "core/daemon/life_record.hpp"

#include <algorithm>

#include "core/daemon/metric_families.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

namespace {

// Clocks of two machines differ: a little before the beginning is at the beginning.
double between(WallTime from, WallTime to) { return std::max(0.0, seconds(std::chrono::duration_cast<Duration>(to - from))); }

bool over(MigrationPhase phase) {
  return phase == MigrationPhase::succeeded || phase == MigrationPhase::failed || phase == MigrationPhase::cancelled;
}

std::string outcome_of(MigrationPhase phase) {
  return phase == MigrationPhase::succeeded ? "succeeded" : phase == MigrationPhase::failed ? "failed" : "cancelled";
}

}  // namespace

LifeRecord::LifeRecord(runtime::MetricsRegistry& metrics) : metrics_(metrics) {
  metrics_.counter(families::up_restarts);
  for (const char* outcome : {"succeeded", "failed", "cancelled"}) metrics_.counter(families::migrations, {outcome});
  for (const auto* family : {&families::up_created_to_runner, &families::up_runner_to_running, &families::up_created_to_running})
    metrics_.histogram(*family);
}

void LifeRecord::vm_seen(const Object& vm, const VmStatus& status, bool gone, WallTime now) {
  if (gone) {
    runner_made_.erase(status.runner);
    lives_.erase(vm.name);
    return;
  }
  const auto known = lives_.find(vm.name);
  const bool same = known != lives_.end() && known->second.uid == vm.uid;
  Life& life = lives_[vm.name];
  if (!same) {
    life = Life{vm.uid, status.runner, status.phase, status.restarts, status.runner.empty() && status.phase == Phase::none, false};
    if (!status.runner.empty()) runner_made_.erase(status.runner);
    return;
  }
  if (status.restarts > life.restarts) metrics_.counter(families::up_restarts).add(status.restarts - life.restarts);
  life.restarts = status.restarts;
  // A VM that is resized at once is never seen in phase Running before.
  if (is_alive(status.phase) && !is_alive(life.phase)) began_to_run(vm, life, status, now);
  if (life.runner != status.runner) runner_made_.erase(life.runner);
  life.phase = status.phase;
  life.runner = status.runner;
}

void LifeRecord::began_to_run(const Object& vm, Life& life, const VmStatus& status, WallTime now) {
  const auto made = runner_made_.find(status.runner);
  if (made != runner_made_.end()) {
    metrics_.histogram(families::up_runner_to_running).observe(between(made->second, now));
    if (life.from_birth && !life.has_run) metrics_.histogram(families::up_created_to_runner).observe(between(vm.created, made->second));
    runner_made_.erase(made);
  }
  if (life.from_birth && !life.has_run) metrics_.histogram(families::up_created_to_running).observe(between(vm.created, now));
  life.has_run = true;
}

void LifeRecord::runner_seen(const Object& runner) {
  const auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec || runner.deleting) return;
  const auto life = lives_.find(spec->vm);
  // One that came with its VM already running is not waited for.
  if (life == lives_.end() || is_alive(life->second.phase) || life->second.uid != runner.owner_uid) return;
  runner_made_.try_emplace(runner.name, runner.created);
}

void LifeRecord::migration_seen(const Object& migration, bool gone) {
  const auto status = wire::decode_migration_status(migration.status);
  if (gone || !status) {
    migrations_.erase(migration.name);
    return;
  }
  const auto known = migrations_.find(migration.name);
  const bool ended = known != migrations_.end() && !over(known->second) && over(status->phase);
  migrations_[migration.name] = status->phase;
  if (!ended) return;
  const std::string outcome = outcome_of(status->phase);
  metrics_.counter(families::migrations, {outcome}).add();
  if (status->started != WallTime{}) metrics_.histogram(families::migration_seconds, {outcome}).observe(between(status->started, status->ended));
  if (status->phase == MigrationPhase::succeeded) metrics_.histogram(families::migration_downtime).observe(seconds(status->progress.downtime));
}

}  // namespace neonvm::daemon
