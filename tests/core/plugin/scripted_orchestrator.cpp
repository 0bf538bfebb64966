#include "tests/core/plugin/scripted_orchestrator.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/wire/model_json.hpp"

namespace neonvm::plugin {
namespace {

struct Queue {
  std::mutex mutex;
  std::condition_variable moved;
  std::deque<Change> changes;
  bool woken = false;
  bool waits = false;
};

Queue& queue() {
  static Queue the_queue;
  return the_queue;
}

class ScriptedWatch final : public Watch {
 public:
  ScriptedWatch() { ++script().alive; }
  ~ScriptedWatch() override { --script().alive; }

  Result<std::optional<Change>> next(Deadline deadline) override {
    if (script().throws) throw std::runtime_error("boom");
    if (script().error) return *script().error;
    Queue& q = queue();
    std::unique_lock lock(q.mutex);
    q.waits = true;
    q.moved.wait_until(lock, deadline, [&] { return q.woken || !q.changes.empty(); });
    q.waits = false;
    q.woken = false;
    if (q.changes.empty()) return std::optional<Change>();
    Change change = std::move(q.changes.front());
    q.changes.pop_front();
    return std::optional<Change>(std::move(change));
  }

  void wake() override {
    const std::lock_guard lock(queue().mutex);
    queue().woken = true;
    queue().moved.notify_all();
  }
};

std::string number_of(Kind kind) { return std::to_string(static_cast<int>(kind)); }

class ScriptedOrchestrator final : public Orchestrator {
 public:
  ScriptedOrchestrator() { ++script().alive; }
  ~ScriptedOrchestrator() override { --script().alive; }

  Result<std::vector<Object>> list_runners(const std::string& vm, Deadline d) override {
    return script().answer(std::vector<Object>{sample_object("a")}, "list_runners " + vm, d);
  }
  Result<std::vector<Object>> list(Kind kind, Deadline d) override {
    return script().answer(std::vector<Object>{sample_object("a"), sample_object("b")}, "list " + number_of(kind), d);
  }
  Result<Object> get(Kind kind, const std::string& name, Deadline d) override {
    return script().answer(sample_object(name), "get " + number_of(kind) + " " + name, d);
  }
  Result<Object> create(const Object& o, Deadline d) override { return write("create", o, d); }
  Result<Object> update(const Object& o, Deadline d) override { return write("update", o, d); }
  Result<Object> update_status(const Object& o, Deadline d) override { return write("update_status", o, d); }
  Status remove(Kind kind, const std::string& name, Deadline d) override {
    return script().answer("remove " + number_of(kind) + " " + name, d);
  }
  Result<std::unique_ptr<Watch>> watch(Kind kind, Deadline d) override {
    const Status status = script().answer("watch " + number_of(kind), d);
    if (!status) return status.error();
    return std::unique_ptr<Watch>(std::make_unique<ScriptedWatch>());
  }
  Status record(const Event& event, Deadline d) override {
    return script().answer("record " + wire::encode(event), d);
  }
  Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline d) override {
    return read("events ", after, d);
  }
  Result<std::vector<StoredEvent>> wait_events(std::uint64_t after, Deadline d) override {
    return read("wait_events ", after, d);
  }
  Result<Object> start_runner(const Object& o, Deadline d) override { return write("start_runner", o, d); }
  Status stop_runner(const std::string& name, Duration grace, Deadline d) override {
    return script().answer("stop_runner " + name + " " + std::to_string(grace.count()), d);
  }
  Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline d) override {
    return script().answer(holder == "me", "hold_lease " + name + " " + holder + " " + std::to_string(ttl.count()), d);
  }
  Status release_lease(const std::string& name, const std::string& holder, Deadline d) override {
    return script().answer("release_lease " + name + " " + holder, d);
  }
  std::string vm_directory(const std::string& vm) override {
    if (script().throws) throw std::runtime_error("boom");
    return "/vms/" + vm;
  }
  Result<Authority> webhook_authority(Deadline d) override {
    return script().answer(Authority{"-----BEGIN", "a key"}, "webhook_authority", d);
  }
  Status bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline d) override {
    return script().answer("bind_pod " + pod + " " + uid + " " + node, d);
  }
  Status show_room(const std::string& node, const Resources& free, bool came, Deadline d) override {
    return script().answer("show_room " + node + " " + to_string(free) + (came ? " came" : ""), d);
  }
  Status lead_service(const ServicePlace& place, Deadline d) override {
    return script().answer("lead_service " + place.service + " " + place.address + ":" + std::to_string(place.ports.at("permits")), d);
  }
  Result<RunnerAccess> scheduler_access(Deadline d) override {
    return script().answer(RunnerAccess{"-----BEGIN", "scheduler", "s3cret"}, "scheduler_access", d);
  }
  Result<std::optional<Duration>> tend(const Object& vm, Deadline d) override {
    return script().answer(vm.name == "a" ? std::optional<Duration>(std::chrono::hours(1)) : std::nullopt, "tend " + vm.name, d);
  }
  Status runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take, Deadline d) override {
    for (const char* piece : {"one\ntw", "", "o\n"}) take(piece);
    return script().answer("runner_log " + runner + " " + std::to_string(lines) + (follow ? " on" : ""), d);
  }
  Result<RunnerAccess> runner_access(const std::string& vm, Deadline d) override {
    return script().answer(RunnerAccess{"-----BEGIN", vm + ".vm", "s3cret\n\"x"}, "runner_access " + vm, d);
  }

 private:
  static Result<Object> write(const std::string& how, const Object& object, Deadline d) {
    Object stored = object;
    ++stored.version;
    return script().answer(stored, how + " " + wire::encode_object(object), d);
  }
  static Result<std::vector<StoredEvent>> read(const std::string& how, std::uint64_t after, Deadline d) {
    return script().answer(std::vector<StoredEvent>{{after + 1, sample_happening()}, {~0ULL, sample_happening()}},
                           how + std::to_string(after), d);
  }
};

}  // namespace

Object sample_object(const std::string& name) {
  Object object;
  object.kind = Kind::migration;
  object.ns = "prod";
  object.name = name;
  object.uid = "u-1";
  object.version = 7;
  object.generation = 3;
  object.created = WallTime(std::chrono::seconds(1700000000));
  object.deleting = WallTime(std::chrono::seconds(1700000100));
  object.finalizer = true;
  object.labels = {{"app", "web"}};
  object.annotations = {{"note", "äöü \"x\""}};
  object.owner_uid = "u-0";
  object.spec = R"({"vmName":"web"})";
  object.status = R"({"phase":"Running"})";
  return object;
}

Event sample_happening() {
  Event event;
  event.at = WallTime(std::chrono::milliseconds(1700000000123));
  event.kind = Kind::runner;
  event.ns = "prod";
  event.name = "web-x1";
  event.warning = true;
  event.reason = "RunnerFailed";
  event.message = "QEMU killed by signal 9";
  event.revision = 12;
  return event;
}

void push(Change change) {
  const std::lock_guard lock(queue().mutex);
  queue().changes.push_back(std::move(change));
  queue().moved.notify_all();
}

bool somebody_waits() {
  const std::lock_guard lock(queue().mutex);
  return queue().waits;
}

}  // namespace neonvm::plugin

NEONVM_PLUGIN(scripted, orchestrator, neonvm::plugin::ScriptedOrchestrator);
