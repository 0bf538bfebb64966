// OrchestratorProxy: the orchestrator door over a plugin's C table; its Watches too.
//
// Made by the catalog. Threads: as the door says; nothing is kept here between calls. Lifetime: a watch keeps its plugin
// open. Failure: the plugin's error unchanged; `unsupported` for an optional call that it lacks.
#pragma once

#include <memory>

#include "core/plugin/opened.hpp"
#include "core/ports/orchestrator.hpp"

namespace neonvm::plugin {

class OrchestratorProxy final : public Orchestrator {
 public:
  explicit OrchestratorProxy(std::shared_ptr<Opened> opened) : opened_(std::move(opened)) {}

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
  Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline deadline) override;
  Status release_lease(const std::string& name, const std::string& holder, Deadline deadline) override;
  // Empty also when the plugin lacks the call or fails.
  std::string vm_directory(const std::string& vm_name) override;
  Result<RunnerAccess> runner_access(const std::string& vm_name, Deadline deadline) override;
  Result<Authority> webhook_authority(Deadline deadline) override;
  Status show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) override;
  Status lead_service(const ServicePlace& place, Deadline deadline) override;
  Status bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) override;
  Result<RunnerAccess> scheduler_access(Deadline deadline) override;
  Result<std::optional<Duration>> tend(const Object& vm, Deadline deadline) override;
  Status runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                    Deadline deadline) override;

 private:
  using Write = decltype(neonvm_orchestrator_table::create);
  using Read = decltype(neonvm_orchestrator_table::events);
  Result<Object> store(Write write, const Object& object, Deadline deadline);
  Result<std::vector<StoredEvent>> read(Read read, std::uint64_t after, Deadline deadline);
  [[nodiscard]] const neonvm_orchestrator_table& table() const { return opened_->table<neonvm_orchestrator_table>(); }

  std::shared_ptr<Opened> opened_;
};

}  // namespace neonvm::plugin
