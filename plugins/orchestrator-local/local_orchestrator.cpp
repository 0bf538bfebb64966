#include "plugins/orchestrator-local/local_orchestrator.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "plugins/orchestrator-local/nodes.hpp"
#include "plugins/orchestrator-local/runner_start.hpp"
#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

constexpr auto open_limit = std::chrono::seconds(10);
constexpr Duration default_grace = std::chrono::seconds(5);

}  // namespace

LocalOrchestrator::LocalOrchestrator(Home home, Settings settings, std::shared_ptr<Store> store, UniqueFd serve_lock)
    : home_(std::move(home)),
      settings_(std::move(settings)),
      serve_lock_(std::move(serve_lock)),
      store_(std::move(store)) {}

Result<std::unique_ptr<LocalOrchestrator>> LocalOrchestrator::open(const Settings& settings, const Clock& clock,
                                                                   StopMargins margins) {
  const Deadline deadline = std::chrono::steady_clock::now() + open_limit;
  auto home = open_home(settings.home);
  if (!home) return home.error();
  UniqueFd serve_lock;
  if (settings.supervise) {
    auto locked = lock_serve(*home);
    if (!locked) return locked.error();
    serve_lock = std::move(*locked);
  }
  auto store = Store::open(*home, clock, deadline);
  if (!store) return store.error();
  std::unique_ptr<LocalOrchestrator> door(
      new LocalOrchestrator(*home, settings, std::move(*store), std::move(serve_lock)));
  if (settings.supervise) {
    if (auto kept = keep_run_root(*home); !kept) return kept.error();
    if (auto kept = keep_nodes(*door->store_, settings.nodes, deadline); !kept) return kept.error();
    auto supervisor = Supervisor::start(door->store_, margins, deadline);
    if (!supervisor) return supervisor.error();
    door->supervisor_ = std::move(*supervisor);
  }
  return door;
}

Result<std::vector<Object>> LocalOrchestrator::list(Kind kind, Deadline deadline) {
  return store_->list(kind, deadline);
}

Result<Object> LocalOrchestrator::get(Kind kind, const std::string& name, Deadline deadline) {
  return store_->get(kind, name, deadline);
}

Result<Object> LocalOrchestrator::create(const Object& object, Deadline deadline) {
  if (object.kind == Kind::runner) return Error{Code::invalid_argument, "a Runner is made by starting it"};
  Object fresh = object;
  fresh.status = "{}";
  auto stored = store_->create(std::move(fresh), deadline);
  // Its disk is made there next; a failure to make the directory shows then, with its path.
  if (stored && object.kind == Kind::virtual_machine) (void)make_directories(home_.vm(object.name));
  return stored;
}

Result<Object> LocalOrchestrator::update(const Object& object, Deadline deadline) {
  return store_->update(object, deadline);
}

Result<Object> LocalOrchestrator::update_status(const Object& object, Deadline deadline) {
  if (object.kind == Kind::runner) {
    return Error{Code::invalid_argument, "the status of a Runner is written by its orchestrator alone"};
  }
  return store_->update_status(object, deadline);
}

Status LocalOrchestrator::remove(Kind kind, const std::string& name, Deadline deadline) {
  return kind == Kind::runner ? stop_runner(name, default_grace, deadline) : store_->remove(kind, name, deadline);
}

Result<std::unique_ptr<Watch>> LocalOrchestrator::watch(Kind kind, Deadline deadline) {
  auto watch = LocalWatch::open(store_, kind, deadline);
  if (!watch) return watch.error();
  return std::unique_ptr<Watch>(std::move(*watch));
}

Status LocalOrchestrator::record(const Event& event, Deadline deadline) { return store_->record(event, deadline); }

Result<std::vector<StoredEvent>> LocalOrchestrator::events(std::uint64_t after, Deadline deadline) {
  return store_->events(after, deadline);
}

Result<std::vector<StoredEvent>> LocalOrchestrator::wait_events(std::uint64_t after, Deadline deadline) {
  for (;;) {
    const std::uint32_t round = store_->bell().round(Bell::Topic::events);
    const auto now = std::chrono::steady_clock::now();
    // A deadline that is over still gets one look.
    auto found = store_->events(after, std::max<Deadline>(deadline, now + std::chrono::seconds(1)));
    if (!found || !found->empty() || now >= deadline) return found;
    store_->bell().wait(Bell::Topic::events, round, deadline);
  }
}

Result<Object> LocalOrchestrator::start_runner(const Object& runner, Deadline deadline) {
  return local::start_runner(*store_, home_, settings_.runner_command, runner, deadline);
}

// Only written down here; the supervisor does it, now or when there is one again.
Status LocalOrchestrator::stop_runner(const std::string& name, Duration grace, Deadline deadline) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::max(grace, Duration::zero())).count();
  const auto marked = store_->modify(
      Kind::runner, name,
      [&](Object& runner) {
        const auto before = runner.annotations.find(grace_annotation);
        if (runner.deleting && before != runner.annotations.end() &&
            std::strtoll(before->second.c_str(), nullptr, 10) <= ms)
          return Status{};
        if (!runner.deleting) runner.deleting = store_->clock().wall();
        runner.annotations[grace_annotation] = std::to_string(ms);
        return Status{};
      },
      deadline);
  return marked || marked.error().code == Code::not_found ? Status{} : marked.error();
}

Result<bool> LocalOrchestrator::hold_lease(const std::string& name, const std::string& holder, Duration ttl,
                                           Deadline deadline) {
  return store_->hold_lease(name, holder, ttl, deadline);
}

Status LocalOrchestrator::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  return store_->release_lease(name, holder, deadline);
}

std::string LocalOrchestrator::vm_directory(const std::string& vm_name) {
  return check_name(vm_name) ? home_.vm(vm_name) : std::string();
}

}  // namespace neonvm::local
