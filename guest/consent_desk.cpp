#include "guest/consent_desk.hpp"

#include <algorithm>

namespace neonvm::guest {
namespace {

constexpr Duration between_looks = std::chrono::seconds(10);

}  // namespace

ConsentDesk::ConsentDesk(runtime::Loop& loop, decide::GuestConsent& consent, Hooks& hooks)
    : loop_(loop), consent_(consent), hooks_(hooks) {}

void ConsentDesk::heard(const HookVerdict& verdict) { consent_.working_set_reported(verdict.working_set); }

decide::ConsentAnswer ConsentDesk::without_cache(const Resources& target) const {
  decide::GuestConsent bare = consent_;
  bare.working_set_reported(Bytes{0});
  return bare.consent(target, loop_.now());
}

decide::ConsentAnswer ConsentDesk::settle(const Resources& target, const HookVerdict& verdict) {
  heard(verdict);
  decide::ConsentAnswer answer = consent_.consent(target, loop_.now());
  if (!verdict.ok) {
    answer.floor = verdict.floor ? std::max(verdict.floor, answer.ok ? std::nullopt : answer.floor) : std::nullopt;
    answer.ok = false;
    answer.why = verdict.why;
  }
  return answer;
}

void ConsentDesk::ask(const Resources& target, std::function<void(const decide::ConsentAnswer&)> done) {
  decide::ConsentAnswer at_once = without_cache(target);
  if (!at_once.ok) return done(at_once);
  hooks_.ask({wire::hook_schema, wire::HookEvent::shrink, target},
             [this, target, done = std::move(done)](const HookVerdict& verdict) {
               const decide::ConsentAnswer answer = settle(target, verdict);
               if (answer.ok) consent_.size_told(target.memory, loop_.now());
               if (answer.ok) cpu_ = target.cpu;
               done(answer);
             });
}

void ConsentDesk::insist(const Resources& target, std::function<void(const decide::ConsentAnswer&)> done) {
  hooks_.ask({wire::hook_schema, wire::HookEvent::shrink, target},
             [this, target, done = std::move(done)](const HookVerdict& verdict) {
               heard(verdict);
               consent_.size_told(target.memory, loop_.now());
               cpu_ = target.cpu;
               done({verdict.ok, verdict.why, verdict.ok ? std::nullopt : verdict.floor});
             });
}

void ConsentDesk::grown(const Resources& granted) {
  consent_.size_told(granted.memory, loop_.now());
  cpu_ = granted.cpu;
  hooks_.ask({wire::hook_schema, wire::HookEvent::grown, granted}, [this](const HookVerdict& verdict) { heard(verdict); });
}

void ConsentDesk::look() {
  timer_ = loop_.after(between_looks, [this] { look(); });
  const auto size = consent_.size();
  if (!size || !hooks_.any()) return;
  hooks_.ask({wire::hook_schema, wire::HookEvent::look, {cpu_, *size}}, [this](const HookVerdict& verdict) { heard(verdict); });
}

}  // namespace neonvm::guest
