// NodeHeadroom: what the scheduler has lent to the agent of one node, kept topped up, and spent on VMs that may grow at once.
//
// Owned by Agent; what may be spent is decided by decide/headroom, here leases are asked for and accounts are sent: one request open at a
// time, at half of a lease's time and as soon as something was spent. Threads: loop thread only. Lifetime: loop, office and registry outlive it;
// answers that come after its end are dropped. Failure: while the scheduler is away, what is lent can be spent until its time is over; asked
// again after 2 s. A scheduler that lends nothing is asked after 1 s, doubling to 30 s.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/daemon/permit_office.hpp"
#include "core/decide/headroom.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

class NodeHeadroom {
 public:
  // life: of the agent, as in AskId; no other agent of this node ever has it.
  NodeHeadroom(runtime::Loop& loop, PermitOffice& office, runtime::MetricsRegistry& metrics, const std::string& node, std::uint64_t life);

  void start();

  struct Taken {
    Resources to;
    Instant until;                 // to be written before
  };
  // Towards `wanted` for a runner that may have `permit` by now, whose last question was `asked`. None: nothing is open for it.
  std::optional<Taken> take(const std::string& runner, const Resources& permit, const Resources& wanted, const Resources& unit, const AskId& asked);
  // What is lent and not spent.
  [[nodiscard]] Resources open() const;

 private:
  void ask();
  void answered(const Result<HeadroomAnswer>& answer);
  void show();

  runtime::Loop& loop_;
  PermitOffice& office_;
  runtime::MetricsRegistry& metrics_;
  const std::string node_;
  decide::Headroom headroom_;
  bool asking_ = false, spent_meanwhile_ = false;
  std::string why_;                // less than wanted, as the scheduler said last
  Duration wait_ = std::chrono::seconds(1);
  runtime::Timer next_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
