#include "core/daemon/scheduler_view.hpp"

#include <algorithm>
#include <tuple>

#include "core/model/pod_layout.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/overcommit.hpp"

namespace neonvm::daemon {
namespace {

template <typename T>
std::optional<T> readable(const Object& object, Result<T> decoded) {
  if (decoded) return std::move(decoded).value();
  runtime::log_warning("scheduler", "an object cannot be read",
                       {{"kind", to_string(object.kind)}, {"name", object.name}, {"error", decoded.error().message}});
  return std::nullopt;
}

// How large a VM is stands in its spec. What somebody wrote beside it, however wrong, is no reason to count it as large as it could ever be.
std::optional<VmSpec> size_at_least(const Object& object) {
  auto spec = readable(object, wire::decode_vm_spec(object));
  if (spec || object.annotations.empty()) return spec;
  Object bare = object;
  bare.annotations.clear();
  if (auto read = wire::decode_vm_spec(bare)) return std::move(*read);
  return std::nullopt;
}

}  // namespace

bool SeenMigration::over() const {
  return status.phase == MigrationPhase::succeeded || status.phase == MigrationPhase::failed ||
         status.phase == MigrationPhase::cancelled;
}

std::string SchedulerView::vm_changed(const Object& object, bool gone) {
  const auto spec = gone ? std::nullopt : size_at_least(object);
  const auto status = spec ? readable(object, wire::decode_vm_status(object.status)) : std::nullopt;
  if (spec && status) {
    const auto overcommit = readable(object, wire::decode_overcommit(object.spec));
    vms_[object.uid] = {object.name, object.uid, status->runner, spec->use(), {status->cpu.actual, status->memory.actual},
                        overcommit.value_or(Overcommit{}), spec->node_selector, status->phase, spec->scaling.enabled,
                        spec->scaling.may_migrate, spec->stopped, object.deleting.has_value()};
    uids_[object.name] = object.uid;
  } else {
    vms_.erase(object.uid);
    if (const auto it = uids_.find(object.name); it != uids_.end() && it->second == object.uid) uids_.erase(it);
  }
  return object.uid;
}

std::string SchedulerView::runner_changed(const Object& object, bool gone) {
  if (const auto it = runners_.find(object.name); it != runners_.end() && gone) {
    const std::string uid = it->second.needs.vm_uid;
    runners_of_[uid].erase(object.name);
    if (runners_of_[uid].empty()) runners_of_.erase(uid);
    runners_.erase(it);
    return uid;
  }
  const auto spec = gone ? std::nullopt : readable(object, wire::decode_runner_spec(object.spec));
  const auto status = spec ? readable(object, wire::decode_runner_status(object.status)) : std::nullopt;
  if (!spec || !status) return {};
  const auto needs = readable(object, needs_of(*spec));
  SeenRunner seen;
  seen.name = object.name;
  seen.node = spec->node;
  seen.needs = needs.value_or(RunnerNeeds{spec->vm_uid, "", spec->role, {}, {}});
  seen.created = object.created;
  seen.readable = needs.has_value();
  seen.attach_only = spec->attach_only;
  seen.ended = status->phase == RunnerPhase::succeeded || status->phase == RunnerPhase::failed;
  seen.vm_ended = status->vm_ended;
  runners_[object.name] = std::move(seen);
  runners_of_[spec->vm_uid].insert(object.name);
  return spec->vm_uid;
}

Result<RunnerNeeds> SchedulerView::needs_of(const RunnerSpec& runner) {
  const auto machine = wire::decode_machine_spec(runner.machine);
  if (!machine) return machine.error().at("machine");
  return RunnerNeeds{runner.vm_uid, machine->run_dir, runner.role,
                     {MilliCpu{machine->online_cpus * 1000}, machine->base_memory + machine->plugged_at_start},
                     {MilliCpu{machine->max_cpus * 1000}, machine->base_memory + machine->pluggable_memory}};
}

Resources SchedulerView::overhead(const RunnerNeeds& runner) const {
  if (!vmm_counts_ || runner.most.memory.value == 0) return {};
  return {MilliCpu{0}, pod::vmm_memory(runner.most.memory)};
}

std::string SchedulerView::migration_changed(const Object& object, bool gone) {
  const auto spec = readable(object, wire::decode_migration_spec(object.spec));
  const auto status = spec ? readable(object, wire::decode_migration_status(object.status)) : std::nullopt;
  if (!spec || !status) return {};
  std::set<std::string>& of_vm = migrations_of_[spec->vm];
  if (gone) {
    migrations_.erase(object.name);
    of_vm.erase(object.name);
    if (of_vm.empty()) migrations_of_.erase(spec->vm);
  } else {
    migrations_[object.name] = {object.name, *spec, *status, object.labels.count(made_by_scheduler) != 0};
    of_vm.insert(object.name);
  }
  const auto uid = uids_.find(spec->vm);
  return uid == uids_.end() ? "" : uid->second;
}

std::optional<decide::Booking> SchedulerView::neighbour_changed(const Object& object, bool gone) {
  const auto neighbour = gone ? std::nullopt : readable(object, wire::decode_neighbour(object.spec));
  if (!neighbour) {
    neighbours_.erase(object.name);
    return std::nullopt;
  }
  decide::Booking& booking = neighbours_[object.name];
  booking.holder = object.name;
  booking.vm = no_vm + object.uid;
  booking.node = neighbour->node;
  booking.granted = neighbour->reserved;
  return booking;
}

const SeenVm* SchedulerView::vm(const std::string& uid) const {
  const auto it = vms_.find(uid);
  return it == vms_.end() ? nullptr : &it->second;
}

const SeenRunner* SchedulerView::runner(const std::string& name) const {
  const auto it = runners_.find(name);
  return it == runners_.end() ? nullptr : &it->second;
}

const SeenMigration* SchedulerView::moving(const std::string& vm_name) const {
  for (const SeenMigration* migration : migrations_of(vm_name))
    if (!migration->over()) return migration;
  return nullptr;
}

std::vector<const SeenMigration*> SchedulerView::migrations_of(const std::string& vm_name) const {
  std::vector<const SeenMigration*> all;
  if (const auto names = migrations_of_.find(vm_name); names != migrations_of_.end())
    for (const std::string& name : names->second) all.push_back(&migrations_.at(name));
  return all;
}

// All runners of one QEMU, itself among them.
std::vector<const SeenRunner*> SchedulerView::sharing(const SeenRunner& runner) const {
  std::vector<const SeenRunner*> all;
  const auto names = runners_of_.find(runner.needs.vm_uid);
  if (names == runners_of_.end() || runner.needs.run_dir.empty()) return {&runner};
  for (const std::string& name : names->second)
    if (const SeenRunner& other = runners_.at(name); other.needs.run_dir == runner.needs.run_dir) all.push_back(&other);
  return all;
}

bool SchedulerView::holds(const SeenRunner& runner) const {
  const auto newer = [](const SeenRunner* a, const SeenRunner* b) {
    return std::tie(a->created, a->attach_only, a->name) < std::tie(b->created, b->attach_only, b->name);
  };
  const auto all = sharing(runner);
  if (!all.empty() && (*std::max_element(all.begin(), all.end(), newer))->name != runner.name) return false;
  if (!runner.ended) return true;
  // Whoever of them saw the QEMU's end saw it for all.
  return std::none_of(all.begin(), all.end(), [](const SeenRunner* other) { return other->vm_ended; });
}

decide::Booking SchedulerView::booking_of(const SeenRunner& runner) const {
  decide::Booking booking;
  booking.holder = runner.name;
  booking.vm = runner.needs.vm_uid;
  booking.node = runner.node;
  booking.overhead = overhead(runner.needs);
  const SeenVm* of = vm(runner.needs.vm_uid);
  if (of == nullptr) {
    booking.granted = runner.needs.most;
    return booking;
  }
  booking.overcommit = of->overcommit;
  Resources has = of->actual;
  if (has.cpu.whole_cpus() == of->use.cpu.whole_cpus()) has.cpu = of->use.cpu;
  // Only the agent writes a size after it was permitted; a size that a person wrote may not have been.
  const bool permitted = of->scales || has.memory.value == 0;
  booking.granted = permitted ? field_max(of->use, has) : has;
  if (of->runner == runner.name) booking.actual = has;
  booking.confirmed = !of->scales || !is_alive(of->phase);
  const SeenMigration* migration = moving(of->name);
  booking.leaving = migration != nullptr && migration->status.source_runner == runner.name;
  return booking;
}

std::vector<decide::Booking> SchedulerView::bookings_of(const std::string& vm_uid) const {
  std::vector<decide::Booking> bookings;
  const auto names = runners_of_.find(vm_uid);
  if (names == runners_of_.end()) return bookings;
  for (const std::string& name : names->second)
    if (const SeenRunner& r = runners_.at(name); !r.node.empty() && holds(r)) bookings.push_back(booking_of(r));
  return bookings;
}

std::vector<decide::Booking> SchedulerView::all_bookings() const {
  std::vector<decide::Booking> bookings;
  for (const auto& [name, booking] : neighbours_) bookings.push_back(booking);
  for (const auto& [uid, names] : runners_of_) {
    const auto of = bookings_of(uid);
    bookings.insert(bookings.end(), of.begin(), of.end());
  }
  return bookings;
}

}  // namespace neonvm::daemon
