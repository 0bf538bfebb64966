// K8sOrchestrator: the orchestrator door on a Kubernetes API server, for one namespace.
//
// VirtualMachines and migrations are custom resources (neonvm crd), nodes are Kubernetes' own and only read, runners are
// pods, leases coordination.k8s.io Leases, events core Events. Opened through the plugin's entry (plugin.cpp) or by
// tests; opening speaks to nobody. Threads: any. The version of an Object is its resourceVersion.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/event_log.hpp"
#include "plugins/orchestrator-k8s/k8s_watch.hpp"
#include "plugins/orchestrator-k8s/lease_book.hpp"
#include "plugins/orchestrator-k8s/runner_lists.hpp"
#include "plugins/orchestrator-k8s/runner_secrets.hpp"
#include "plugins/orchestrator-k8s/settings.hpp"
#include "plugins/orchestrator-k8s/unheld_versions.hpp"
#include "plugins/orchestrator-k8s/usage_on_pods.hpp"
#include "plugins/orchestrator-k8s/vm_certificates.hpp"
#include "plugins/orchestrator-k8s/written_behind.hpp"
#include "plugins/orchestrator-k8s/written_vms.hpp"

namespace neonvm::k8s {

// What doors of one server share.
struct Server {
  std::shared_ptr<ApiClient> client;
  std::shared_ptr<RunnerSecrets> secrets;
  std::shared_ptr<VmCertificates> certificates;
  std::shared_ptr<UnheldVersions> unheld;
  std::shared_ptr<WrittenVms> written;
  std::shared_ptr<WrittenBehind> behind;
  std::shared_ptr<UsageOnPods> usage;
  static Result<Server> open(Access access, const PodSettings& pod);
};

class K8sOrchestrator final : public Orchestrator {
 public:
  static Result<std::unique_ptr<K8sOrchestrator>> open(Access access, PodSettings pod,
                                                       std::function<void(const std::string&)> warn);

  // The same server for another namespace; "" sees them all, and may only list, watch and lease.
  K8sOrchestrator(const Server& server, std::string ns, PodSettings pod, std::function<void(const std::string&)> warn);

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
  Result<std::vector<Object>> list_where(Kind kind, const std::string& selector, Deadline deadline);
  Result<Object> merge_and_put(const Object& object, Deadline deadline);
  Result<Object> write(const ApiRequest& request, Kind kind, Deadline deadline);
  Status make_secrets(const RunnerSpec& runner, const std::string& vm, Deadline deadline);
  void remove_secrets(const Object& vm, Deadline deadline);
  Result<std::string> vm_text(const std::string& name, const std::string& uid, Deadline deadline);
  Result<LeaseRecord> read_lease(const std::string& name, Deadline deadline);
  // The Lease as it is then.
  Result<LeaseRecord> write_lease(const LeaseRecord& before, const std::string& name, const std::string& holder, Duration ttl, Deadline);
  bool held(const std::string& name, const LeaseRecord& written);
  [[nodiscard]] std::string path(Kind kind, const std::string& name) const;

  const std::shared_ptr<ApiClient> client_;
  const std::string ns_;
  const PodSettings pod_;
  const std::function<void(const std::string&)> warn_;
  EventLog events_;
  const std::shared_ptr<RunnerSecrets> secrets_;
  const std::shared_ptr<VmCertificates> certificates_;
  const std::shared_ptr<UnheldVersions> unheld_;
  const std::shared_ptr<WrittenVms> written_;
  const std::shared_ptr<WrittenBehind> behind_;
  const std::shared_ptr<UsageOnPods> usage_;
  RunnerLists runner_lists_;
  std::mutex lease_mutex_;
  LeaseBook leases_;
};

}  // namespace neonvm::k8s
