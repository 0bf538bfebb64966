#include "core/decide/scaling.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::decide {
namespace {

constexpr Duration first_conflict_wait = std::chrono::milliseconds(20);
constexpr std::uint32_t no_caution_above = 1024;

// The other side said no, or never heard of it. Everything else may have happened.
bool surely_not_done(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::not_found:
    case Code::already_exists:
    case Code::conflict:
    case Code::out_of_capacity:
    case Code::refused:
    case Code::unsupported:
    case Code::permission_denied:
    case Code::failed_precondition:
      return true;
    case Code::unavailable:
    case Code::deadline_exceeded:
    case Code::cancelled:
    case Code::data_loss:
    case Code::internal:
      return false;
  }
  return false;
}

std::uint64_t units_between(std::uint64_t low, std::uint64_t high, std::uint64_t unit) {
  return high <= low || unit == 0 ? 0 : (high - low + unit - 1) / unit;
}

std::uint32_t units_between(const Resources& low, const Resources& high, const Resources& unit) {
  return static_cast<std::uint32_t>(std::max(units_between(low.cpu.value, high.cpu.value, unit.cpu.value),
                                             units_between(low.memory.value, high.memory.value, unit.memory.value)));
}

}  // namespace

Scaling::Scaling(ScalingSettings settings, ScalingBounds bounds, ScalingStart start, Instant now)
    : settings_(settings), bounds_(sane(bounds)), asked_(start.asked), actual_(start.actual), asked_revision_(start.last),
      actual_revision_(start.last), target_revision_(start.last), last_revision_(start.last.value), now_(now) {}

Instant Scaling::clock(Instant at) {
  if (at < now_) ++corrections_.clock;
  return now_ = std::max(now_, at);
}

ScalingBounds Scaling::sane(ScalingBounds bounds) {
  const ScalingBounds given = bounds;
  bounds.memory_step.value = std::max<std::uint64_t>(bounds.memory_step.value, 1);
  constexpr std::uint64_t most = ~std::uint64_t{0};
  if (bounds.min.memory.value <= most - bounds.memory_step.value)
    bounds.min.memory = round_up(bounds.min.memory, bounds.memory_step.value);
  bounds.max.memory = round_down(bounds.max.memory, bounds.memory_step.value);
  bounds.max = field_max(bounds.max, bounds.min);
  if (!(given.min == bounds.min && given.max == bounds.max && given.memory_step == bounds.memory_step)) ++corrections_.size;
  return bounds;
}

void Scaling::bounds_changed(const ScalingBounds& bounds, Instant at) {
  clock(at);
  bounds_ = sane(bounds);
}

void Scaling::asked_observed(const Resources& asked, Revision target, Instant at) {
  clock(at);
  if (target.value < asked_revision_.value) return void(++corrections_.revision);
  now_asked(asked, target);
  if (maybe_written_ && target.value >= maybe_written_->revision.value) maybe_written_.reset();
}

void Scaling::actual_observed(const Resources& actual, Revision of, bool settled, Instant at) {
  clock(at);
  if (of.value < actual_revision_.value) return void(++corrections_.revision);
  actual_ = actual;
  actual_revision_ = of;
  settled_ = settled;
  saw_revision(of);
  if (of.value >= asked_revision_.value) peak_ = {};
  // The target has been reached, or as much of it as the permit let through: what follows is a new decision.
  if (settled && of.value >= target_revision_.value) target_.reset();
}

void Scaling::guest_connected(Instant) { new_guest(has()); }
void Scaling::guest_lost(Instant seen_at) {
  const Instant at = clock(seen_at);
  new_guest(std::nullopt);
  refused_since_ = at;
}

void Scaling::held_back(std::string why, Instant) { held_back_ = std::move(why); }
void Scaling::let_go(Instant) { held_back_.clear(); }

void Scaling::goal_changed(Goal goal, Instant seen_at) {
  const Instant at = clock(seen_at);
  goal_ = std::move(goal);
  if (consent_ && fits_in(*consent_, wish(at))) refused_since_.reset();
}

void Scaling::memory_wanted(const MemoryWanted& wanted, Instant seen_at) {
  const Instant at = clock(seen_at);
  const Bytes base = consent_ ? consent_->memory : has().memory;
  const std::uint64_t unit = std::max<std::uint64_t>(settings_.compute_unit.memory.value, 1);
  const Bytes more = round_down(base, unit) + Bytes{unit};
  request_ = Request{at, wanted.memory.value == 0 ? more : wanted.memory};
}

void Scaling::permit_asked(const AskPermit& deed, Instant seen_at) {
  const Instant at = clock(seen_at);
  permit_ = sure_permit(at);
  begin(permit_deed_, {deed.id, {}, deed.wanted, deed.revision, at, false});
  last_wanted_ = deed.wanted;
  last_asked_ = at;
  adopt(deed.revision, at);
}

void Scaling::permit_granted(std::uint64_t id, const Resources& permit, Instant at) {
  clock(at);
  if (!permit_deed_ || permit_deed_->id != id) return;
  if (exceeds_somewhere(permit, permit_deed_->to)) ++corrections_.size;
  // More than asked comes from a scheduler that remembers an older, larger wish; only what was asked is ours.
  permit_ = field_min(permit, permit_deed_->to);
  permit_until_ = permit_deed_->at + settings_.permit_valid;
  permit_deed_.reset();
  permit_failure_.reset();
}

void Scaling::permit_failed(std::uint64_t id, const Error& error, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!permit_deed_ || permit_deed_->id != id) return;
  permit_ = sure_permit(at);
  permit_deed_.reset();
  fail(permit_failure_, error, at + settings_.permit_retry);
}

void Scaling::headroom_taken(const Resources& to, Instant until, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (until <= at) return;
  const Resources before = allowed(at);
  permit_until_ = permit_ && permit_until_ > at ? std::min(permit_until_, until) : until;
  permit_ = field_max(before, to);
}

void Scaling::resize_started(const SizeDeed& deed, Instant seen_at) {
  const Instant at = clock(seen_at);
  begin(resize_deed_, {deed.id, deed.from, deed.to, deed.revision, at, false});
  adopt(deed.revision, at);
}

void Scaling::resize_written(std::uint64_t id, Instant) {
  if (!resize_deed_ || resize_deed_->id != id) return;
  const Deed deed = *resize_deed_;
  resize_deed_.reset();
  resize_failure_.reset();
  const bool agreed = consent_ && !deed.of_former_guest;
  if (agreed && deed.to.cpu < deed.from.cpu) consent_->cpu = std::min(consent_->cpu, deed.to.cpu);
  if (agreed && deed.to.memory < deed.from.memory) consent_->memory = std::min(consent_->memory, deed.to.memory);
  if (consent_) told_ = field_min(told_, *consent_);
  // The watch was faster than the answer; it may have shown a later write by somebody else.
  if (deed.revision.value > asked_revision_.value) now_asked(deed.to, deed.revision);
}

void Scaling::resize_failed(std::uint64_t id, const Error& error, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!resize_deed_ || resize_deed_->id != id) return;
  Duration wait = settings_.resize_retry;
  if (error.code == Code::conflict) {
    const unsigned times = resize_failure_ ? std::min(resize_failure_->in_a_row, 16u) : 0;
    wait = std::min(wait, first_conflict_wait * (1u << times));
  }
  if (!surely_not_done(error.code)) maybe_written_ = resize_deed_;
  must_look_ = error.code == Code::conflict || maybe_written_.has_value();
  resize_deed_.reset();
  fail(resize_failure_, error, at + wait);
}

void Scaling::look_started(std::uint64_t id, Instant at) { begin(look_deed_, {id, {}, {}, {}, clock(at), false}); }

void Scaling::looked(std::uint64_t id, const Resources& asked, Revision target, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!ended(look_deed_, id)) return;
  now_asked(asked, target);
  maybe_written_.reset();
  must_look_ = false;
  if (resize_deed_ && !under_way(resize_deed_, at)) resize_deed_.reset();
}

void Scaling::look_failed(std::uint64_t id, const Error& error, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!ended(look_deed_, id)) return;
  fail(resize_failure_, error, at + settings_.resize_retry);
}

void Scaling::consent_asked(const SizeDeed& deed, Instant seen_at) {
  const Instant at = clock(seen_at);
  begin(consent_deed_, {deed.id, deed.from, deed.to, deed.revision, at, false});
  tell_deed_.reset();
  // Whatever becomes of the answer, the guest may believe from now on that it has no more than that.
  told_ = field_min(told_, deed.to);
  adopt(deed.revision, at);
}

void Scaling::consent_given(std::uint64_t id, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!consent_deed_ || consent_deed_->id != id) return;
  if (consent_) consent_ = field_min(*consent_, consent_deed_->to);
  consent_deed_.reset();
  guest_failure_.reset();
  cautious_units_ = cautious_units_ * 2 > no_caution_above ? 0 : cautious_units_ * 2;
  if (consent_ && fits_in(*consent_, wish(at))) refused_since_.reset();
}

void Scaling::consent_refused(std::uint64_t id, const std::string& why, std::optional<Bytes> floor, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!consent_deed_ || consent_deed_->id != id) return;
  const Deed deed = *consent_deed_;
  consent_deed_.reset();
  guest_failure_.reset();
  if (!refused_since_) refused_since_ = at;
  const std::uint32_t units = units_between(deed.to, deed.from, settings_.compute_unit);
  if (!floor && units > 1) {
    cautious_units_ = units / 2;
    return;
  }
  if (floor && *floor > deed.from.memory) floor = deed.from.memory, ++corrections_.size;
  refusal_ = Refusal{at, deed.to, floor, why};
}

void Scaling::consent_failed(std::uint64_t id, const Error& error, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!ended(consent_deed_, id)) return;
  if (!refused_since_) refused_since_ = at;
  fail(guest_failure_, error, at + settings_.guest_retry);
}

void Scaling::grown_started(const SizeDeed& deed, Instant seen_at) {
  const Instant at = clock(seen_at);
  begin(tell_deed_, {deed.id, deed.from, deed.to, deed.revision, at, false});
  consent_deed_.reset();
  // Whatever becomes of the answer, the guest may count on it from now on.
  if (consent_) consent_ = field_max(*consent_, deed.to);
}

void Scaling::grown_told(std::uint64_t id, Instant) {
  if (!tell_deed_ || tell_deed_->id != id) return;
  told_ = tell_deed_->to;
  tell_deed_.reset();
  guest_failure_.reset();
}

void Scaling::grown_failed(std::uint64_t id, const Error& error, Instant seen_at) {
  const Instant at = clock(seen_at);
  if (!ended(tell_deed_, id)) return;
  fail(guest_failure_, error, at + settings_.guest_retry);
}

Resources Scaling::held() const {
  Resources most = field_max(field_max(asked_, peak_), has());
  if (resize_deed_) most = field_max(most, resize_deed_->to);
  if (maybe_written_) most = field_max(most, maybe_written_->to);
  return most;
}

// A guest has whole CPUs: asked 250m and one CPU online are the same size.
Resources Scaling::has() const {
  Resources r = actual_;
  if (r.cpu.whole_cpus() == asked_.cpu.whole_cpus()) r.cpu = asked_.cpu;
  return r;
}

void Scaling::begin(std::optional<Deed>& slot, Deed deed) {
  last_id_ = std::max(last_id_, deed.id);
  slot = std::move(deed);
}

bool Scaling::ended(std::optional<Deed>& slot, std::uint64_t id) {
  if (!slot || slot->id != id) return false;
  slot.reset();
  return true;
}

void Scaling::fail(std::optional<Failure>& failure, const Error& error, Instant until) {
  const unsigned before = failure ? failure->in_a_row : 0;
  failure = Failure{until, error.message, before + 1};
}

void Scaling::adopt(Revision revision, Instant at) {
  if (revision.value <= last_revision_) return;
  last_revision_ = revision.value;
  target_revision_ = revision;
  target_ = wish(at);
}

// A VM that was growing to the former size may still be on its way there, unless its runner said, before we heard of the write, that it
// follows this one.
void Scaling::now_asked(const Resources& asked, Revision revision) {
  const bool followed_before = revision.value > asked_revision_.value && actual_revision_.value >= revision.value;
  peak_ = followed_before ? Resources{} : field_max(peak_, asked_);
  asked_ = asked;
  asked_revision_ = revision;
  saw_revision(revision);
}

void Scaling::saw_revision(Revision revision) { last_revision_ = std::max(last_revision_, revision.value); }

void Scaling::new_guest(std::optional<Resources> consent) {
  consent_ = consent;
  told_ = consent.value_or(Resources{});
  if (resize_deed_) resize_deed_->of_former_guest = true;
  consent_deed_.reset();
  tell_deed_.reset();
  guest_failure_.reset();
  refusal_.reset();
  cautious_units_ = 0;
  refused_since_.reset();
}

}  // namespace neonvm::decide
