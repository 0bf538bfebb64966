// PermitOffice: "may this runner's VM have so much?" All growth passes it, by itself or by hand.
//
// Called by daemon/vm_scaler for VMs whose scaling is enabled and by daemon/controller for the others, each before it
// grows a VM and after it has shrunk one; implemented by daemon/scheduler in the same process, and by an HTTP client
// that speaks upstream's permit protocol (scheduler_client.hpp). Threads: loop thread only; `done` is called exactly
// once, on the loop, and never before ask() has returned. Idempotent: ask again whenever in doubt.
//
// How to ask: `wanted` is the total that the VM shall have, field by field at least what it has now; `last_permit` what
// the caller was last allowed, none after a restart. The answer lies between what is held and what was wanted: perhaps
// less than wanted (then use what there is and ask again, after 2 s or at the next chance), never less than the VM
// holds. Asking for less than the permit gives the rest back; what the guest still holds is not sold before the status
// says that it is gone.
//
// Failure: unavailable (books being rebuilt, scheduler away): do not grow, retry; not_found: no such runner (yet).
#pragma once

#include <functional>

#include "core/model/headroom.hpp"
#include "core/model/result.hpp"
#include "core/wire/permit_protocol.hpp"

namespace neonvm::daemon {

class PermitOffice {
 public:
  using Answered = std::function<void(Result<wire::PermitResponse>)>;

  virtual ~PermitOffice() = default;
  virtual void ask(const wire::PermitRequest& request, Answered done) = 0;
  // For a node's agent: room that it may give to its VMs without asking, and an account of what it gave (decide/headroom). `done` as
  // above. not_found: no such node (yet); conflict: not its newest request; unavailable: asked for the next time it is due.
  using Lent = std::function<void(Result<HeadroomAnswer>)>;
  virtual void lend(const HeadroomRequest& request, Lent done) = 0;
};

}  // namespace neonvm::daemon
