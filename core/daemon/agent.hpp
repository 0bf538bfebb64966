// Agent: makes VMs scale by themselves: a VmScaler for each VM that wants it and runs here.
//
// Composed by `neonvm serve` and `neonvm agent` (one a node). Threads: loop thread only. Lifetime: everything given to it
// outlives it; a successor begins from the world. Reads VirtualMachines; writes their cpus.use, memory.use and
// targetRevision, nothing else. Failure: what concerns one VM stays with it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/daemon/vm_scaler.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/state.hpp"

namespace neonvm::daemon {

// Of a VM that no agent decides over.
wire::Explanation explanation_by_hand(const Object& vm, const VmSpec& spec, const VmStatus& status);

class Agent {
 public:
  Agent(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PermitOffice& permits,
        runtime::MetricsRegistry& metrics, OpenPolicy open_policy, AgentSettings settings);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Works from now on; REQUIRES the world to watch virtual machines.
  void start();
  // Before start(): who hears of sizes that are written, and of those that policies would like.
  void on_scaling(std::function<void(const ScalingNews&)> listener) { tools_.scaling_news = std::move(listener); }
  // GET /v1/explain/VM[?newer=N]: with newer, answers when there is a decision after number N, or after 25 s.
  void serve(runtime::HttpServer& server);

  // Why the VM has its size; also of a VM that is sized by hand. None: no such VM.
  [[nodiscard]] std::optional<wire::Explanation> explain(const std::string& vm) const;
  // Of those that scale here, for who looks for a fault.
  [[nodiscard]] wire::AgentState state() const;

 private:
  using Explained = std::function<void(const std::optional<wire::Explanation>&)>;
  struct Waiting {
    std::uint64_t newer = 0;
    Explained done;
    runtime::Timer patience;
  };

  void changed(const Change& change);
  void collect(std::vector<runtime::MetricSample>& out) const;
  void decided(const std::string& vm);
  void asked(const runtime::HttpRequest& request, runtime::Responder respond);
  void explain_later(const std::string& vm, std::optional<std::uint64_t> newer, Explained done);

  runtime::Loop& loop_;
  World& world_;
  std::unique_ptr<NodeHeadroom> headroom_;                     // none: for all nodes
  std::uint64_t life_, questions_ = 0;
  AgentTools tools_;
  std::map<std::string, std::unique_ptr<VmScaler>> scalers_;   // by VM name
  std::map<std::string, std::string> uids_;
  std::vector<World::Subscription> subscriptions_;
  std::map<std::string, std::vector<std::shared_ptr<Waiting>>> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> collected_, watches_;
};

}  // namespace neonvm::daemon
