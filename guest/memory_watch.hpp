// MemoryWatch: looks at memory often enough to ask for more before the OOM killer would act.
//
// Called by guest/monitor. Feeds decide/guest_consent and passes its wishes on. Threads: loop thread. Polling, because the
// kernel has no event for "memory is being used up": pressure (PSI) rises only when nothing is left to take. The pause
// between two looks is what the free memory would last at a furious pace, so a guest with room is looked at once a second.
#pragma once

#include <functional>
#include <string>

#include "core/decide/guest_consent.hpp"
#include "core/runtime/loop.hpp"
#include "guest/proc_reader.hpp"

namespace neonvm::guest {

// Until the next look. `used` is how much more was in use than at the look before.
Duration next_look(Bytes available, Bytes used, Duration longest);

class MemoryWatch {
 public:
  // wish: passes it to whoever listens; true if somebody did.
  MemoryWatch(runtime::Loop& loop, decide::GuestConsent& consent, std::function<bool(const decide::MemoryWish&)> wish,
              const std::string& proc = "/proc");
  // Called with each look: what else is to be read at the same pace (a cgroup).
  void on_look(std::function<void(Instant)> looked) { looked_ = std::move(looked); }
  void look();

 private:
  runtime::Loop& loop_;
  decide::GuestConsent& consent_;
  std::function<bool(const decide::MemoryWish&)> wish_;
  std::function<void(Instant)> looked_;
  ProcReader reader_;
  Bytes available_ = unknown;
  runtime::Timer timer_;
};

}  // namespace neonvm::guest
