// Leadership: one of several equal processes works, by a lease at the orchestrator; the others wait for it.
//
// Used by `neonvm serve` and its parts where a control plane may have replicas. Loop thread only; calls block on a thread of their
// own: behind a thousand VMs' calls in the loop's queue a lease would run out.
// A leader that could not renew in time stops before the lease runs out, whatever the reason: somebody else may lead from then on.
// While renewals are slow, each asks for a longer lease (see lease_for_next()): a busy server costs time at a crash, not the lead.
// Take-over after a crash: at most ttl + retry, or longest + retry while the server is slow; after an orderly end, at most retry.
// Failure: an orchestrator that does not answer is asked again; every reason is logged once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/ports/orchestrator.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/workers.hpp"

namespace neonvm::daemon {

struct LeadershipSettings {
  std::string lease;                                     // its name
  std::string holder;                                    // unlike any other process's
  Duration ttl = std::chrono::seconds(3);                // whole seconds: that is what Kubernetes' Leases count in
  Duration longest = std::chrono::seconds(15);           // while renewals are slow; what Kubernetes' own controllers ask for always
  Duration renew = std::chrono::milliseconds(700);
  Duration retry = std::chrono::milliseconds(700);       // leases tell nobody when they run out
};

// What the next renewal asks for, after one for `ttl` that took so long: twice as much when it took longer than the pace at which
// leases are renewed, else a tenth less; within [settings.ttl, settings.longest]. Pure.
Duration lease_for_next(Duration ttl, Duration took, const LeadershipSettings& settings);

class Leadership {
 public:
  // gained: from now on; lost: stop at once. Each at most once. The orchestrator outlives the loop's workers.
  Leadership(runtime::Loop& loop, Orchestrator& orchestrator, LeadershipSettings settings, std::function<void()> gained,
             std::function<void()> lost);
  ~Leadership();

  void start();
  // Gives the lease up, so that another takes over at once. Blocks for at most a second; nothing is called any more.
  void resign();
  [[nodiscard]] bool leads() const { return leads_; }

 private:
  void ask();
  void answered(const Result<bool>& held, Instant asked, Duration ttl);
  void stop_by(Instant end);
  void lose(const std::string& why);

  runtime::Loop& loop_;
  Orchestrator& orchestrator_;
  const LeadershipSettings settings_;
  std::function<void()> gained_, lost_;
  bool leads_ = false, over_ = false, told_ = false;
  Duration ttl_ = settings_.ttl;                         // of the next renewal
  Instant end_{};                                        // of the lease as far as the server may have heard of renewals
  runtime::Timer next_, expiry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  runtime::Workers caller_{1};                           // last: it waits for its call when it goes
};

}  // namespace neonvm::daemon
