// ConsentDesk: answers "may you shrink to that?" for whoever asks: what the kernel says of memory, and then the hooks.
//
// Called by guest/host_requests and guest/upstream_door. Threads: loop thread. Order: a shrink that memory in use forbids
// is refused at once; else the hooks are asked, who may make room first (a cache that is given up counts no more), and
// then memory is looked at once more. Failure: an answer with !ok and why; each question is answered once, but not after
// the desk's end.
#pragma once

#include <functional>
#include <memory>

#include "core/decide/guest_consent.hpp"
#include "core/runtime/loop.hpp"
#include "guest/hooks.hpp"

namespace neonvm::guest {

class ConsentDesk {
 public:
  ConsentDesk(runtime::Loop& loop, decide::GuestConsent& consent, Hooks& hooks);

  void ask(const Resources& target, std::function<void(const decide::ConsentAnswer&)> done);
  // It will shrink whatever is answered: what the hooks say is all that counts, and memory that they give up is not in use.
  void insist(const Resources& target, std::function<void(const decide::ConsentAnswer&)> done);
  void grown(const Resources& granted);
  // Begins to ask the hooks for their working sets, now and then.
  void look();

 private:
  void heard(const HookVerdict& verdict);
  [[nodiscard]] decide::ConsentAnswer without_cache(const Resources& target) const;
  [[nodiscard]] decide::ConsentAnswer settle(const Resources& target, const HookVerdict& verdict);

  runtime::Loop& loop_;
  decide::GuestConsent& consent_;
  Hooks& hooks_;
  MilliCpu cpu_{1000};
  runtime::Timer timer_;
};

}  // namespace neonvm::guest
