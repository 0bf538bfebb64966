// LocalOrchestrator: the embedded control plane: a store in a file, runners as child processes, shares of this machine
// as nodes. No server: every process that opens the home has all of it.
//
// Opened through the plugin's entry (plugin.cpp) or by tests. With `supervise`, by `neonvm serve` alone, it also looks
// after the runners; failed_precondition when another process of this home does. Threads: any. Lifetime: its end, in
// order or not, leaves store and runners whole.
#pragma once

#include <memory>
#include <string>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-local/clock.hpp"
#include "plugins/orchestrator-local/runner_life.hpp"
#include "plugins/orchestrator-local/settings.hpp"
#include "plugins/orchestrator-local/supervisor.hpp"

namespace neonvm::plugin {
struct Options;
}

namespace neonvm::local {

class LocalOrchestrator final : public Orchestrator {
 public:
  static Result<std::unique_ptr<LocalOrchestrator>> open(const plugin::Options& options);
  static Result<std::unique_ptr<LocalOrchestrator>> open(const Settings& settings, const Clock& clock,
                                                         StopMargins margins = {});

  Result<std::vector<Object>> list(Kind kind, Deadline deadline) override;
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
  Result<Authority> webhook_authority(Deadline) override { return Error{Code::unsupported, "nobody here calls webhooks"}; }
  Result<RunnerAccess> runner_access(const std::string&, Deadline) override { return RunnerAccess{}; }  // Unix sockets

 private:
  LocalOrchestrator(Home home, Settings settings, std::shared_ptr<Store> store, UniqueFd serve_lock);

  const Home home_;
  const Settings settings_;
  const UniqueFd serve_lock_;
  const std::shared_ptr<Store> store_;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace neonvm::local
