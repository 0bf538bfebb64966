// Headroom: growth without asking. The scheduler lends a node's agent a share of what is free there, for a time; within
// it the agent grows its VMs at once, also while the scheduler is away, and nothing is promised twice.
//
// Here: the agent's side; the words of both are in model/headroom. Called by daemon/agent and simulate. The scheduler's side is
// decide/ledger. Pure, a value, any thread; it cannot fail.
//
// How it stays safe:
//  - A lease is named by the number of the request that brought it, and an agent has one request open at a time: an
//    answer to an earlier one is passed over, so an agent never has a lease that its next request does not list.
//  - The agent counts a lease's time from its own asking, the ledger from the granting, which is later, and waits
//    `drift` and `margin` more. No two clocks are compared.
//  - What was spent is told as a sum for each holder, so a lost or doubled account changes nothing.
//  - A permit that came out of a lease holds until the lease ends, or for good once the ledger has answered the account.
//
// Laws: what is spent of a lease never exceeds it; nothing is spent after its time; what grow() answers lies between
// `permit` and `wanted`; a request lists every lease that is held or was spent from without an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/corrections.hpp"
#include "core/model/headroom.hpp"
#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm::decide {

// The scheduler's terms.
struct LeaseTerms {
  double share = 0;                                     // of a node's capacity, lent at once at most; 0: nothing is lent
  Duration length = std::chrono::seconds(60);
  Duration margin = std::chrono::seconds(30);           // until a growth of the last moment has been seen in the world
  double drift = 0.01;                                  // by which the rates of two clocks may differ

  // How long after the granting a lease may still have an effect.
  [[nodiscard]] Duration longest() const;
};

using neonvm::AskId;
using neonvm::HeadroomAnswer;
using neonvm::HeadroomRequest;
using neonvm::HeadroomSpend;
using neonvm::HeldLease;

class Headroom {
 public:
  Headroom(std::string node, std::uint64_t agent, Instant now);

  // The next request, to be sent at once; what is open beyond `wanted` is given back by it. One before without an answer counts as lost: its answer is passed over.
  HeadroomRequest request(const Resources& wanted, Instant now);
  void answered(const HeadroomAnswer& answer, Instant now);

  // Spends for `holder`, which may have `permit` by now, towards `wanted`; in whole units, 0: none. The new permit, or
  // `permit` when nothing is open. Good for writing a size before until().
  Resources grow(const std::string& holder, const Resources& permit, const Resources& wanted, const Resources& unit,
                 Instant now, AskId last_asked = {});

  [[nodiscard]] Resources open(Instant now) const;
  // The end of the lease that ends first among those open now or spent from; none: nothing is lent.
  [[nodiscard]] std::optional<Instant> until(Instant now) const;
  // When to ask again: half of a lease's time is over, or something was spent and is to be told.
  [[nodiscard]] Instant ask_at(Instant now) const;
  [[nodiscard]] const Corrections& corrections() const { return corrections_; }

 private:
  struct Lease {
    std::uint64_t number = 0;
    Resources open;
    Instant until{};
    std::vector<HeadroomSpend> spent;
    bool told = true;                                   // no spend without an answer
    bool fresh = false;                                 // spent from since the open request
  };
  Instant clock(Instant now);
  void forget_ended(Instant now);
  static void spend(Lease& lease, const std::string& holder, const Resources& to, const Resources& more, AskId asked);

  std::string node_;
  std::uint64_t agent_ = 0;
  Instant born_{}, now_{};
  std::uint64_t number_ = 0, epoch_ = 0;
  std::optional<Instant> asked_at_;                     // of the open request
  Duration length_{};
  std::vector<Lease> leases_;
  std::vector<std::uint64_t> listed_;                   // in the open request
  Corrections corrections_;
};

}  // namespace neonvm::decide
