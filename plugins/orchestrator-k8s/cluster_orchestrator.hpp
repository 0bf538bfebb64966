// ClusterOrchestrator: the orchestrator door on a Kubernetes API server, for all namespaces at once.
//
// Opened through the plugin's entry for the namespace "*". Lists and watches see the whole cluster; every other call goes to
// the door of the namespace that its name begins with ("prod/web", qualified_names). Leases are of neonvm's own namespace.
// Threads: any.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "plugins/orchestrator-k8s/k8s_orchestrator.hpp"

namespace neonvm::k8s {

class ClusterOrchestrator final : public Orchestrator {
 public:
  static Result<std::unique_ptr<ClusterOrchestrator>> open(Access access, PodSettings pod, std::function<void(const std::string&)> warn);

  Result<std::vector<Object>> list(Kind kind, Deadline deadline) override;
  Result<std::vector<Object>> list_runners(const std::string& vm_name, Deadline deadline) override;
  Result<Object> get(Kind kind, const std::string& name, Deadline deadline) override;
  Result<Object> create(const Object& object, Deadline deadline) override;
  Result<Object> update(const Object& object, Deadline deadline) override;
  Result<Object> update_status(const Object& object, Deadline deadline) override;
  Status remove(Kind kind, const std::string& name, Deadline deadline) override;
  Result<std::unique_ptr<Watch>> watch(Kind kind, Deadline deadline) override;
  Status record(const Event& event, Deadline deadline) override;
  Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline deadline) override;
  Result<std::vector<StoredEvent>> wait_events(std::uint64_t after, Deadline deadline) override;
  Result<Object> start_runner(const Object& runner, Deadline deadline) override;
  Status stop_runner(const std::string& name, Duration grace, Deadline deadline) override;
  Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline) override;
  Status release_lease(const std::string& name, const std::string& holder, Deadline deadline) override;
  std::string vm_directory(const std::string& vm_name) override;
  Result<RunnerAccess> runner_access(const std::string& vm_name, Deadline deadline) override;
  Result<Authority> webhook_authority(Deadline deadline) override;
  Status bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) override;
  Status show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) override;
  Status lead_service(const ServicePlace& place, Deadline deadline) override;
  Result<RunnerAccess> scheduler_access(Deadline deadline) override;
  Result<std::optional<Duration>> tend(const Object& vm, Deadline deadline) override;
  Status runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                    Deadline deadline) override;

 private:
  using Write = Result<Object> (K8sOrchestrator::*)(const Object&, Deadline);
  ClusterOrchestrator(Server server, PodSettings pod, std::function<void(const std::string&)> warn);
  K8sOrchestrator& door_of(const std::string& ns);
  Result<Object> write(Write write, const Object& object, Deadline deadline);

  const Server server_;
  const PodSettings pod_;
  const std::function<void(const std::string&)> warn_;
  K8sOrchestrator whole_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<K8sOrchestrator>> doors_;  // by namespace; never erased
};

}  // namespace neonvm::k8s
