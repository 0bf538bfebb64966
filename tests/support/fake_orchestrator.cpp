#include "tests/support/fake_orchestrator.hpp"

#include <algorithm>
#include <utility>

#include "core/wire/model_json.hpp"
#include "tests/support/fake_watch.hpp"

namespace neonvm::fakes {
namespace {

constexpr std::size_t kept_events = 10'000;

WallTime wall_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

std::string title(Kind kind, const std::string& name) { return std::string(to_string(kind)) + " \"" + name + "\""; }

}  // namespace

FakeOrchestrator::FakeOrchestrator(std::string home, RunnerHooks hooks)
    : home_(std::move(home)), hooks_(std::move(hooks)) {}
FakeOrchestrator::~FakeOrchestrator() = default;

void FakeOrchestrator::set_hooks(RunnerHooks hooks) {
  const std::lock_guard lock(mutex_);
  hooks_ = std::move(hooks);
}

void FakeOrchestrator::conflict_next_writes(int count) {
  const std::lock_guard lock(mutex_);
  conflicts_ = count;
}
void FakeOrchestrator::unavailable_for(int calls) {
  const std::lock_guard lock(mutex_);
  unavailable_ = calls;
}
void FakeOrchestrator::lose_next_replies(int count) {
  const std::lock_guard lock(mutex_);
  lost_replies_ = count;
}
void FakeOrchestrator::break_watches() {
  const std::lock_guard lock(mutex_);
  ++break_round_;
  changed_.notify_all();
}
void FakeOrchestrator::relist_watches() {
  const std::lock_guard lock(mutex_);
  ++relist_round_;
  changed_.notify_all();
}
void FakeOrchestrator::advance(Duration time) {
  const std::lock_guard lock(mutex_);
  advanced_ += time;
}
std::uint64_t FakeOrchestrator::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

Status FakeOrchestrator::admit() {
  if (unavailable_ == 0) return {};
  --unavailable_;
  return Error{Code::unavailable, "the orchestrator does not answer (ordered by the test)"};
}

Status FakeOrchestrator::reply() {
  if (lost_replies_ == 0) return {};
  --lost_replies_;
  return Error{Code::deadline_exceeded, "the answer was lost (ordered by the test)"};
}

Result<Object*> FakeOrchestrator::find(Kind kind, const std::string& name) {
  const auto at = objects_.find({kind, name});
  if (at == objects_.end()) return Error{Code::not_found, title(kind, name) + " does not exist"};
  return &at->second;
}

Result<Object*> FakeOrchestrator::find_for_write(const Object& object) {
  auto found = find(object.kind, object.name);
  if (!found) return found;
  if (conflicts_ > 0) {
    --conflicts_;
    return Error{Code::conflict, title(object.kind, object.name) + " was written by somebody else (ordered by the test)"};
  }
  if ((*found)->version != object.version) {
    return Error{Code::conflict, title(object.kind, object.name) + " was written by somebody else: version " +
                                     std::to_string(object.version) + " was read, " +
                                     std::to_string((*found)->version) + " is stored"};
  }
  return found;
}

Result<Object> FakeOrchestrator::insert(Object object) {
  if (auto named = check_name(object.kind, qualified_ ? short_name(object.name) : object.name); !named) return named.error();
  const Key key{object.kind, object.name};
  if (objects_.count(key) != 0) return Error{Code::already_exists, title(object.kind, object.name) + " exists already"};
  object.uid = "fake-" + std::to_string(next_uid_++);
  object.generation = 1;
  object.created = wall_now();
  object.deleting.reset();
  touch(objects_.insert_or_assign(key, std::move(object)).first->second);
  return after_write(key);
}

void FakeOrchestrator::touch(Object& object) {
  object.version = ++version_;
  ++writes_;
  changed_.notify_all();
}

void FakeOrchestrator::erase(const Key& key) {
  const auto at = objects_.find(key);
  Gone gone{++version_, std::move(at->second)};
  gone.last.version = gone.version;
  gone_.push_back(std::move(gone));
  objects_.erase(at);
  if (key.first == Kind::runner) runner_gone_.erase(key.second);
  ++writes_;
  changed_.notify_all();
}

// Removes what nothing holds any more, and answers with what is (or was last) stored.
Result<Object> FakeOrchestrator::after_write(const Key& key) {
  Object stored = objects_.at(key);
  const bool held = stored.finalizer || (key.first == Kind::runner && !runner_gone_[key.second]);
  if (stored.deleting && !held) erase(key);
  if (auto lost = reply(); !lost) return lost.error();
  return stored;
}

Result<std::vector<Object>> FakeOrchestrator::list(Kind kind, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  std::vector<Object> found;
  for (const auto& [key, object] : objects_) {
    if (key.first == kind) found.push_back(object);
  }
  return found;
}

Result<Object> FakeOrchestrator::get(Kind kind, const std::string& name, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto found = find(kind, name);
  if (!found) return found.error();
  return **found;
}

Result<Object> FakeOrchestrator::create(const Object& object, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  if (object.kind == Kind::runner) return Error{Code::invalid_argument, "a Runner is made by starting it"};
  Object fresh = object;
  fresh.status = "{}";
  return insert(std::move(fresh));
}

Result<Object> FakeOrchestrator::update(const Object& object, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto found = find_for_write(object);
  if (!found) return found.error();
  Object& stored = **found;
  if (stored.spec == object.spec && stored.labels == object.labels && stored.annotations == object.annotations &&
      stored.finalizer == object.finalizer) {
    return stored;
  }
  if (stored.spec != object.spec) ++stored.generation;
  stored.spec = object.spec;
  stored.labels = object.labels;
  stored.annotations = object.annotations;
  stored.finalizer = object.finalizer;
  touch(stored);
  return after_write({object.kind, object.name});
}

Result<Object> FakeOrchestrator::update_status(const Object& object, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto found = find_for_write(object);
  if (!found) return found.error();
  Object& stored = **found;
  if (stored.status == object.status) return stored;
  stored.status = object.status;
  touch(stored);
  return after_write({object.kind, object.name});
}

Status FakeOrchestrator::remove(Kind kind, const std::string& name, Deadline deadline) {
  if (kind == Kind::runner) return stop_runner(name, std::chrono::seconds(5), deadline);
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto found = find(kind, name);
  if (!found || (*found)->deleting) return {};
  (*found)->deleting = wall_now();
  touch(**found);
  const auto written = after_write({kind, name});
  return written ? Status{} : written.error();
}

Result<std::unique_ptr<Watch>> FakeOrchestrator::watch(Kind kind, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  if (refused_watches_.count(kind) != 0) return Error{Code::unavailable, "it is not watched now"};
  return std::unique_ptr<Watch>(std::make_unique<FakeWatch>(*this, kind));
}

void FakeOrchestrator::refuse_watches(Kind kind, bool refused) {
  const std::lock_guard lock(mutex_);
  refused ? void(refused_watches_.insert(kind)) : void(refused_watches_.erase(kind));
}

Status FakeOrchestrator::record(const Event& event, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  events_.push_back({next_event_++, event});
  if (events_.size() > kept_events) events_.erase(events_.begin());
  changed_.notify_all();
  return reply();
}

std::vector<StoredEvent> FakeOrchestrator::events_after(std::uint64_t after) const {
  std::vector<StoredEvent> found;
  std::copy_if(events_.begin(), events_.end(), std::back_inserter(found),
               [after](const StoredEvent& event) { return event.sequence > after; });
  return found;
}

Result<std::vector<StoredEvent>> FakeOrchestrator::events(std::uint64_t after, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  return events_after(after);
}

Result<std::vector<StoredEvent>> FakeOrchestrator::wait_events(std::uint64_t after, Deadline deadline) {
  std::unique_lock lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  changed_.wait_until(lock, deadline, [&] { return !events_.empty() && events_.back().sequence > after; });
  return events_after(after);
}

Result<bool> FakeOrchestrator::hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const Instant now = std::chrono::steady_clock::now() + advanced_;
  Lease& lease = leases_[name];
  if (lease.holder != holder && lease.until > now) return false;
  lease = {holder, now + ttl};
  if (auto lost = reply(); !lost) return lost.error();
  return true;
}

Status FakeOrchestrator::release_lease(const std::string& name, const std::string& holder, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok.error();
  const auto at = leases_.find(name);
  if (at != leases_.end() && at->second.holder == holder) leases_.erase(at);
  return reply();
}

std::string FakeOrchestrator::vm_directory(const std::string& vm_name) { return home_ + "/vms/" + vm_name; }

}  // namespace neonvm::fakes
