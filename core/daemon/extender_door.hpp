// ExtenderDoor: the scheduler's books as a stock kube-scheduler's HTTP extender: POST /filter, /prioritize, /bind.
//
// Owned by `neonvm scheduler`. Threads: loop thread; the API server is called by a worker of the loop. Lifetime: the scheduler, the
// orchestrator and the loop outlive it; answers that are due when it dies are not given. Who may ask is the server's business: whoever
// may bind may book a node full.
//
// A pod passes a node if the books have room for it there: a runner's with the size of its VM and what its own processes take,
// any other with its requests. /bind books it, in one step with the look whether there is room, and only then tells the API
// server; until that has answered the place is kept. kube-scheduler asks for the next pod before it binds the last one, so two may
// pass for the same room: the second is refused by /bind, and kube-scheduler tries again.
// /bind says a pod's name and no size: what /filter saw is remembered by the pod's uid. After a restart it is gone and /bind
// refuses what is not a runner; kube-scheduler begins anew.
//
// Failure: 503 with the reason while the books are not ready, 400 for what cannot be read; refusals are in the answers themselves.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/daemon/scheduler.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/extender_protocol.hpp"

namespace neonvm::daemon {

class ExtenderDoor {
 public:
  using Bound = std::function<void(Status)>;

  ExtenderDoor(runtime::Loop& loop, Orchestrator& orchestrator, Scheduler& scheduler, runtime::MetricsRegistry& metrics)
      : loop_(loop), orchestrator_(orchestrator), scheduler_(scheduler), metrics_(metrics) {}

  void serve(runtime::HttpServer& server);

  // What is behind the routes. REQUIRES the scheduler to be ready.
  wire::ExtenderFilterResult filter(const wire::ExtenderArgs& args);
  Result<std::vector<wire::HostScore>> prioritize(const wire::ExtenderArgs& args);
  // done: once, on the loop, never before this has returned.
  void bind(const wire::ExtenderBinding& binding, Bound done);

 private:
  struct Remembered {
    wire::Pod pod;
    Instant at{};
  };

  void remember(const wire::Pod& pod);
  [[nodiscard]] Result<decide::Booking> booking_of(const wire::ExtenderBinding& binding) const;
  void bound(const decide::Booking& booking, bool is_new, const Status& answer);
  void answer_later(Bound done, Status answer);
  void route(runtime::HttpServer& server, const char* path, const char* method,
             std::function<runtime::HttpResponse(const std::string& body)> answer);
  void bind_request(const std::string& body, runtime::Responder respond);
  void count(const char* method, const char* failure);

  runtime::Loop& loop_;
  Orchestrator& orchestrator_;
  Scheduler& scheduler_;
  runtime::MetricsRegistry& metrics_;
  std::unordered_map<std::string, Remembered> remembered_;   // by the pod's uid
  Instant pruned_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
