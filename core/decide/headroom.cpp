#include "core/decide/headroom.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::decide {
namespace {

bool is_nothing(const Resources& r) { return r == Resources{}; }

// As much of `wanted` as is open, in whole units unless all of it is.
template <typename Amount>
Amount part(Amount wanted, Amount open, Amount unit) {
  if (wanted <= open) return wanted;
  const auto step = std::max<decltype(unit.value)>(unit.value, 1);
  return Amount{static_cast<decltype(unit.value)>(open.value / step * step)};
}

}  // namespace

Duration LeaseTerms::longest() const {
  return length + margin + std::chrono::duration_cast<Duration>(length * std::max(drift, 0.0));
}

Headroom::Headroom(std::string node, std::uint64_t agent, Instant now)
    : node_(std::move(node)), agent_(agent), born_(now), now_(now) {}

// Time that went back cannot tell any more when a lease ends: nothing is spent of those that are out.
Instant Headroom::clock(Instant now) {
  if (now < now_) {
    ++corrections_.clock;
    for (Lease& lease : leases_) lease.open = {};
    asked_at_.reset();
  }
  return now_ = std::max(now_, now);
}

// A lease whose time is over is listed once more if somebody got something of it since the last answer.
void Headroom::forget_ended(Instant now) {
  for (Lease& lease : leases_)
    if (lease.until <= now) lease.open = {};
  std::erase_if(leases_, [](const Lease& lease) { return lease.told && is_nothing(lease.open); });
}

HeadroomRequest Headroom::request(const Resources& wanted, Instant at) {
  const Instant now = clock(at);
  forget_ended(now);
  HeadroomRequest request{node_, agent_, now - born_, ++number_, epoch_, wanted, {}};
  listed_.clear();
  Resources keep = wanted;
  for (Lease& lease : leases_) {
    lease.open = field_min(lease.open, keep);
    keep = keep - lease.open;
    lease.fresh = false;
    request.held.push_back({lease.number, lease.open, std::max(lease.until - now, Duration::zero()), lease.spent});
    listed_.push_back(lease.number);
  }
  asked_at_ = now;
  return request;
}

void Headroom::answered(const HeadroomAnswer& answer, Instant at) {
  const Instant now = clock(at);
  if (!asked_at_ || answer.agent != agent_ || answer.number != number_) return;
  const Instant until = *asked_at_ + answer.length;
  asked_at_.reset();
  epoch_ = answer.epoch;
  length_ = answer.length;
  for (Lease& lease : leases_) {
    const bool listed = std::find(listed_.begin(), listed_.end(), lease.number) != listed_.end();
    if (!listed) continue;
    lease.told = !lease.fresh;
    if (answer.extended && lease.until > now) lease.until = std::max(lease.until, until);
  }
  if (!is_nothing(answer.lent) && until > now) leases_.push_back({answer.number, answer.lent, until, {}, true, false});
  forget_ended(now);
}

void Headroom::spend(Lease& lease, const std::string& holder, const Resources& to, const Resources& more, AskId asked) {
  const auto known = std::find_if(lease.spent.begin(), lease.spent.end(),
                                  [&](const HeadroomSpend& spend) { return spend.holder == holder; });
  HeadroomSpend& spend =
      known == lease.spent.end() ? lease.spent.emplace_back(HeadroomSpend{holder, {}, {}, {}}) : *known;
  lease.open = lease.open - more;
  lease.told = false;
  lease.fresh = true;
  spend.amount = spend.amount + more;
  spend.to = field_max(spend.to, to);
  spend.asked = asked;
}

Resources Headroom::grow(const std::string& holder, const Resources& permit, const Resources& wanted,
                         const Resources& unit, Instant at, AskId last_asked) {
  const Instant now = clock(at);
  forget_ended(now);
  Resources has = permit;
  for (Lease& lease : leases_) {
    const Resources missing = wanted - has;
    const Resources more{part(missing.cpu, lease.open.cpu, unit.cpu), part(missing.memory, lease.open.memory, unit.memory)};
    if (is_nothing(more)) continue;
    has = has + more;
    spend(lease, holder, has, more, last_asked);
  }
  return has;
}

Resources Headroom::open(Instant at) const {
  const Instant now = std::max(at, now_);
  Resources sum;
  if (at < now_) return sum;
  for (const Lease& lease : leases_)
    if (lease.until > now) sum = sum + lease.open;
  return sum;
}

std::optional<Instant> Headroom::until(Instant now) const {
  std::optional<Instant> first;
  for (const Lease& lease : leases_)
    if (lease.until > now && (!first || lease.until < *first)) first = lease.until;
  return first;
}

Instant Headroom::ask_at(Instant now) const {
  const bool untold = std::any_of(leases_.begin(), leases_.end(), [](const Lease& lease) { return !lease.told; });
  const auto end = until(now);
  if (untold || !end) return now;
  return std::max(now, *end - length_ / 2);
}

}  // namespace neonvm::decide
