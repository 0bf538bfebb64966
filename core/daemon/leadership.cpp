#include "core/daemon/leadership.hpp"

#include <algorithm>
#include <utility>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {

Duration lease_for_next(Duration ttl, Duration took, const LeadershipSettings& settings) {
  const Duration next = took > settings.renew ? 2 * ttl : ttl - ttl / 10;
  return std::clamp(next, settings.ttl, std::max(settings.ttl, settings.longest));
}

Leadership::Leadership(runtime::Loop& loop, Orchestrator& orchestrator, LeadershipSettings settings, std::function<void()> gained,
                       std::function<void()> lost)
    : loop_(loop), orchestrator_(orchestrator), settings_(std::move(settings)), gained_(std::move(gained)), lost_(std::move(lost)) {}

Leadership::~Leadership() = default;

void Leadership::start() { ask(); }

void Leadership::ask() {
  if (over_) return;
  const Instant asked = loop_.now();
  const Duration ttl = ttl_;
  // One that shortens the lease may reach the server though its answer never comes.
  if (leads_ && asked + ttl < end_) stop_by(asked + ttl);
  // Of a long lease half is left for another try, by another connection.
  const Duration limit = leads_ ? std::min(end_ - asked, std::max(settings_.ttl, (end_ - asked) / 2)) : ttl;
  caller_.add([this, weak = std::weak_ptr(alive_), &loop = loop_, &orchestrator = orchestrator_, settings = settings_, asked, ttl, limit] {
    auto held = orchestrator.hold_lease(settings.lease, settings.holder, ttl, std::chrono::steady_clock::now() + limit);
    loop.post([this, weak, held = std::move(held), asked, ttl] {
      if (!weak.expired()) answered(held, asked, ttl);
    });
  });
}

void Leadership::answered(const Result<bool>& held, Instant asked, Duration ttl) {
  if (over_) return;
  if (!held && !std::exchange(told_, true))
    runtime::log_warning("leadership", "the lease could not be asked for", {{"lease", settings_.lease}, {"error", held.error().message}});
  if (held && !*held && leads_) return lose("another process has it");
  const Duration next = leads_ ? lease_for_next(ttl, loop_.now() - asked, settings_) : settings_.ttl;
  ttl_ = held ? next : std::max(ttl, next);
  if (held && *held) {
    told_ = false;
    stop_by(asked + ttl);
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

// The lease counts from when the server heard of it, which was later: one renewal's time before its end is soon enough.
void Leadership::stop_by(Instant end) {
  end_ = end;
  expiry_ = loop_.at(end_ - settings_.renew / 2, [this] { lose("it could not be renewed in time"); });
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
