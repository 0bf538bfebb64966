// ResizeOrder: which size the controller orders from a runner next, and what must be asked before.
//
// Called by daemon/controller at every pass over a VM that runs; pure and const. A VM that scales by itself has had its
// permit and its guest's consent asked by the agent before the wish was written: its wish is ordered as it stands. For
// a VM that is scaled by hand the controller asks: growth passes the permit office, a shrink asks the guest unless
// somebody forces it. Without a monitor in the guest a shrink is ordered without consent: virtio-mem takes only what is
// free, so nothing is lost by it, and `note` says that it happened so.
//
// Laws: never ordered above the permit; nothing while a migration runs; CPU and memory do not wait for each other, nor
// growth of one for the consent to shrink the other; what was refused is asked again after `ask_again_after`.
#pragma once

#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/revision.hpp"

namespace neonvm::decide {

constexpr Duration ask_again_after = std::chrono::seconds(2);

// A question and its answer.
struct Asked {
  bool open = false;                     // asked, not answered yet
  std::optional<Resources> question;     // the last one asked
  Revision revision;                     // of an order
  bool ok = false;
  Resources granted;                     // permits: of the last answer, whatever it answered
  std::string why;                       // of a refusal
  Instant at{};                          // of the answer
};

struct OrderFacts {
  Resources wish;                        // spec use
  Revision revision;                     // spec target revision; 0: none
  Resources asked, has;                  // the runner's words
  Revision asked_revision;
  bool resizing = false;
  bool scales_itself = false;
  bool forced = false;                   // annotation neonvm.dev/force
  bool guest_connected = false;
  bool migrating = false;
  std::optional<Resources> permit;       // the last one held; none after a restart of the controller
  Asked permit_asked, consent_asked;
  Asked order_asked;                     // the last order to this runner: open, or refused
  Instant now{};
};

struct OrderDecision {
  std::optional<Resources> ask_permit;   // total to be permitted; below the permit: give the rest back
  std::optional<Resources> ask_consent;  // size that the guest is asked to shrink to
  std::optional<Resources> order;        // size to order now
  std::string why;                       // why less (or more) than the wish is asked of the runner
  std::string note;                      // said once with this order: what was done without asking
  std::optional<Instant> look_again;
};

OrderDecision decide_order(const OrderFacts& facts);

}  // namespace neonvm::decide
