#include "plugins/orchestrator-k8s/cluster_orchestrator.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/qualified_names.hpp"

namespace neonvm::k8s {
namespace {

Result<Object> qualified_if(Result<Object> object) { return object ? Result<Object>(qualified(std::move(*object))) : object; }

class QualifiedWatch final : public Watch {
 public:
  explicit QualifiedWatch(std::unique_ptr<Watch> watch) : watch_(std::move(watch)) {}
  Result<std::optional<Change>> next(Deadline deadline) override {
    auto change = watch_->next(deadline);
    if (change && *change && (*change)->kind != ChangeKind::synced) (*change)->object = qualified(std::move((*change)->object));
    return change;
  }
  void wake() override { watch_->wake(); }

 private:
  const std::unique_ptr<Watch> watch_;
};

std::vector<StoredEvent> qualified_events(std::vector<StoredEvent> events) {
  for (StoredEvent& each : events) {
    if (each.event.kind != Kind::node) each.event.name = each.event.ns + "/" + each.event.name;
  }
  return events;
}

}  // namespace

ClusterOrchestrator::ClusterOrchestrator(Server server, PodSettings pod, std::function<void(const std::string&)> warn)
    : server_(std::move(server)), pod_(std::move(pod)), warn_(std::move(warn)), whole_(server_, "", pod_, warn_) {}

Result<std::unique_ptr<ClusterOrchestrator>> ClusterOrchestrator::open(Access access, PodSettings pod,
                                                                       std::function<void(const std::string&)> warn) {
  auto server = Server::open(std::move(access), pod);
  if (!server) return server.error();
  return std::unique_ptr<ClusterOrchestrator>(new ClusterOrchestrator(std::move(*server), std::move(pod), std::move(warn)));
}

K8sOrchestrator& ClusterOrchestrator::door_of(const std::string& ns) {
  const std::lock_guard lock(mutex_);
  auto& door = doors_[ns];
  if (!door) door = std::make_unique<K8sOrchestrator>(server_, ns, pod_, warn_);
  return *door;
}

Result<std::vector<Object>> ClusterOrchestrator::list(Kind kind, Deadline deadline) {
  auto all = whole_.list(kind, deadline);
  if (all) {
    for (Object& object : *all) object = qualified(std::move(object));
  }
  return all;
}

Result<std::vector<Object>> ClusterOrchestrator::list_runners(const std::string& vm_name, Deadline deadline) {
  const auto parts = split_name(vm_name);
  if (!parts) return parts.error();
  auto all = door_of(parts->first).list_runners(parts->second, deadline);
  if (all) {
    for (Object& object : *all) object = qualified(std::move(object));
  }
  return all;
}

Result<std::unique_ptr<Watch>> ClusterOrchestrator::watch(Kind kind, Deadline deadline) {
  auto watch = whole_.watch(kind, deadline);
  if (!watch) return watch;
  return std::unique_ptr<Watch>(std::make_unique<QualifiedWatch>(std::move(*watch)));
}

Result<Object> ClusterOrchestrator::get(Kind kind, const std::string& name, Deadline deadline) {
  if (kind == Kind::node) return whole_.get(kind, name, deadline);
  const auto parts = split_name(name);
  if (!parts) return parts.error();
  return qualified_if(door_of(parts->first).get(kind, parts->second, deadline));
}

Result<Object> ClusterOrchestrator::write(Write write, const Object& object, Deadline deadline) {
  const auto own = plain(object);
  if (!own) return own.error();
  return qualified_if((door_of(own->ns).*write)(*own, deadline));
}

Result<Object> ClusterOrchestrator::create(const Object& object, Deadline deadline) { return write(&K8sOrchestrator::create, object, deadline); }
Result<Object> ClusterOrchestrator::update(const Object& object, Deadline deadline) { return write(&K8sOrchestrator::update, object, deadline); }
Result<Object> ClusterOrchestrator::update_status(const Object& object, Deadline deadline) {
  return write(&K8sOrchestrator::update_status, object, deadline);
}
Result<Object> ClusterOrchestrator::start_runner(const Object& runner, Deadline deadline) {
  return write(&K8sOrchestrator::start_runner, runner, deadline);
}

Status ClusterOrchestrator::remove(Kind kind, const std::string& name, Deadline deadline) {
  if (kind == Kind::node) return whole_.remove(kind, name, deadline);
  const auto parts = split_name(name);
  return parts ? door_of(parts->first).remove(kind, parts->second, deadline) : parts.error();
}

Status ClusterOrchestrator::stop_runner(const std::string& name, Duration grace, Deadline deadline) {
  const auto parts = split_name(name);
  return parts ? door_of(parts->first).stop_runner(parts->second, grace, deadline) : parts.error();
}

Status ClusterOrchestrator::record(const Event& event, Deadline deadline) {
  // Events of nodes are kept where Kubernetes keeps its own.
  if (event.kind == Kind::node) return door_of("default").record(event, deadline);
  const auto parts = split_name(event.name);
  if (!parts) return parts.error();
  Event own = event;
  own.ns = parts->first;
  own.name = parts->second;
  return door_of(parts->first).record(own, deadline);
}

Result<std::vector<StoredEvent>> ClusterOrchestrator::events(std::uint64_t after, Deadline deadline) {
  auto all = whole_.events(after, deadline);
  return all ? Result<std::vector<StoredEvent>>(qualified_events(std::move(*all))) : all;
}

Result<std::vector<StoredEvent>> ClusterOrchestrator::wait_events(std::uint64_t after, Deadline deadline) {
  auto all = whole_.wait_events(after, deadline);
  return all ? Result<std::vector<StoredEvent>>(qualified_events(std::move(*all))) : all;
}

Result<bool> ClusterOrchestrator::hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline) {
  return whole_.hold_lease(name, holder, ttl, deadline);
}

Status ClusterOrchestrator::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  return whole_.release_lease(name, holder, deadline);
}

std::string ClusterOrchestrator::vm_directory(const std::string&) { return ""; }

Result<RunnerAccess> ClusterOrchestrator::runner_access(const std::string& vm_name, Deadline deadline) {
  const auto parts = split_name(vm_name);
  if (!parts) return parts.error();
  return door_of(parts->first).runner_access(parts->second, deadline);
}

Status ClusterOrchestrator::bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) {
  const auto parts = split_name(pod);
  return parts ? door_of(parts->first).bind_pod(parts->second, uid, node, deadline) : parts.error();
}

Status ClusterOrchestrator::show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) {
  return whole_.show_room(node, free, came, deadline);
}
Status ClusterOrchestrator::lead_service(const ServicePlace& place, Deadline deadline) { return whole_.lead_service(place, deadline); }
Result<RunnerAccess> ClusterOrchestrator::scheduler_access(Deadline deadline) { return whole_.scheduler_access(deadline); }

Result<std::optional<Duration>> ClusterOrchestrator::tend(const Object& vm, Deadline deadline) {
  const auto own = plain(vm);
  if (!own) return own.error();
  return door_of(own->ns).tend(*own, deadline);
}

Status ClusterOrchestrator::runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                                       Deadline deadline) {
  const auto parts = split_name(runner);
  return parts ? door_of(parts->first).runner_log(parts->second, lines, follow, take, deadline) : parts.error();
}

Result<Authority> ClusterOrchestrator::webhook_authority(Deadline deadline) { return whole_.webhook_authority(deadline); }

}  // namespace neonvm::k8s
