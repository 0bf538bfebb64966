// ServiceLead: whoever leads has the requests to a service come to itself, and sees to it that they go on coming.
//
// Made with the lead and destroyed with it. A write of a leader before may arrive late, and people write as well: so it looks again every few
// seconds, and writes what is not as it should be. Threads: loop thread; calls block a worker. Lifetime: loop and orchestrator outlive it.
// Failure: tried again after a second, told once; there() is false until the first time that it worked.
#pragma once

#include <memory>

#include "core/ports/orchestrator.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

class ServiceLead {
 public:
  ServiceLead(runtime::Loop& loop, Orchestrator& orchestrator, ServicePlace place) : loop_(loop), orchestrator_(orchestrator), place_(std::move(place)) {}

  void start();
  [[nodiscard]] bool there() const { return there_; }

 private:
  void answered(const Status& led);

  runtime::Loop& loop_;
  Orchestrator& orchestrator_;
  const ServicePlace place_;
  bool there_ = false, told_ = false;
  runtime::Timer next_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
