#include "core/daemon/leadership.hpp"

#include <utility>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {

Leadership::Leadership(runtime::Loop& loop, Orchestrator& orchestrator, LeadershipSettings settings, std::function<void()> gained,
                       std::function<void()> lost)
    : loop_(loop), orchestrator_(orchestrator), settings_(std::move(settings)), gained_(std::move(gained)), lost_(std::move(lost)) {}

Leadership::~Leadership() = default;

void Leadership::start() { ask(); }

void Leadership::ask() {
  if (over_) return;
  const Instant asked = loop_.now();
  caller_.add([this, weak = std::weak_ptr(alive_), &loop = loop_, &orchestrator = orchestrator_, settings = settings_, asked] {
    auto held = orchestrator.hold_lease(settings.lease, settings.holder, settings.ttl, std::chrono::steady_clock::now() + settings.ttl);
    loop.post([this, weak, held = std::move(held), asked] {
      if (!weak.expired()) answered(held, asked);
    });
  });
}

void Leadership::answered(const Result<bool>& held, Instant asked) {
  if (over_) return;
  if (!held && !std::exchange(told_, true))
    runtime::log_warning("leadership", "the lease could not be asked for", {{"lease", settings_.lease}, {"error", held.error().message}});
  if (held && !*held && leads_) return lose("another process has it");
  if (held && *held) {
    told_ = false;
    renewed_ = asked;
    // The lease counts from when the server heard of it, which was later: one renewal's time before its end is soon enough.
    expiry_ = loop_.at(renewed_ + settings_.ttl - settings_.renew / 2, [this] { lose("it could not be renewed in time"); });
    if (!std::exchange(leads_, true)) {
      runtime::log_info("leadership", "leads", {{"lease", settings_.lease}, {"holder", settings_.holder}});
      gained_();
    }
  } else if (held && !std::exchange(told_, true)) {
    runtime::log_info("leadership", "waits; another process leads", {{"lease", settings_.lease}});
  }
  // Counted from the question: a server that takes half a second for each call has no time to lose between two.
  next_ = loop_.at(asked + (leads_ ? settings_.renew : settings_.retry), [this] { ask(); });
}

void Leadership::lose(const std::string& why) {
  if (std::exchange(over_, true) || !leads_) return;
  leads_ = false;
  next_.cancel();
  runtime::log_error("leadership", "lost", {{"lease", settings_.lease}, {"why", why}});
  lost_();
}

void Leadership::resign() {
  const bool had = std::exchange(leads_, false);
  over_ = true;
  next_.cancel();
  expiry_.cancel();
  if (!had) return;
  const auto released = orchestrator_.release_lease(settings_.lease, settings_.holder, std::chrono::steady_clock::now() + std::chrono::seconds(1));
  if (!released) runtime::log_warning("leadership", "the lease runs out by itself", {{"error", released.error().message}});
}

}  // namespace neonvm::daemon
