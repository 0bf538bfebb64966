// The deciding half of Scaling: const, from what is known to what to do.
#include <algorithm>
#include <utility>

#include "core/decide/scaling.hpp"

namespace neonvm::decide {

namespace {

std::string_view written(std::string_view text) { return text; }
std::string written(Bytes size) { return to_string(size); }
std::string written(const Resources& size) { return to_string(size); }

}  // namespace

struct Scaling::Draft {
  Instant now{};
  bool explains = true;
  Actions actions;

  static void earlier(std::optional<Instant>& known, Instant at) { known = std::min(known.value_or(at), at); }
  void wake(Instant at) {
    earlier(actions.wake_at, at);
    earlier(actions.wake_besides, at);
  }
  void ask_again(Instant at) { earlier(actions.wake_at, at); }
  // The text is put together only for who wants it: it costs more than deciding does.
  template <typename... Parts>
  void say(const char* rule, const Parts&... parts) {
    if (!explains) return;
    std::string text;
    (text.append(written(parts)), ...);
    actions.because.push_back({rule, std::move(text)});
  }
  // True while a failure of before holds the next attempt back.
  bool holds(const std::optional<Failure>& failure, const char* rule) {
    if (!failure || failure->until <= now) return false;
    wake(failure->until);
    say(rule, "failed, tried again soon: ", failure->why);
    return true;
  }
};

Actions Scaling::next(Instant asked_at, bool explains) const {
  const Instant now = std::max(asked_at, now_);
  Draft draft{now, explains, {}};
  draft.actions.wish = wish(now, &draft);
  next_permit(draft);
  next_headroom(draft);
  next_resize(draft);
  next_guest(draft);
  if (draft.actions.wake_at && *draft.actions.wake_at < now) draft.actions.wake_at = now;
  return std::move(draft.actions);
}

Resources Scaling::wish(Instant now) const { return wish(now, nullptr); }

Resources Scaling::in_units(Resources r) const {
  const Resources& unit = settings_.compute_unit;
  if (!settings_.coupled || unit.cpu.value == 0 || unit.memory.value == 0) return r;
  const std::uint64_t by_cpu = (r.cpu.value + unit.cpu.value - 1) / unit.cpu.value;
  const std::uint64_t by_memory = (r.memory.value + unit.memory.value - 1) / unit.memory.value;
  return unit * static_cast<std::uint32_t>(std::max(by_cpu, by_memory));
}

Resources Scaling::wish(Instant now, Draft* draft) const {
  Resources r = asked_;
  if (goal_) {
    r = goal_->wish;
    if (draft && draft->explains) draft->actions.because = goal_->because;
  } else if (draft) {
    draft->say("goal.none", "no goal yet: stays at ", asked_);
  }
  if (request_ && request_->at + settings_.request_valid > now && request_->memory > r.memory) {
    r.memory = request_->memory;
    if (draft) {
      draft->wake(request_->at + settings_.request_valid);
      draft->say("guest.wants", "the guest asked for ", request_->memory);
    }
  }
  r = in_units(r);
  if (goal_ && !goal_->complete && exceeds_somewhere(asked_, r)) {
    r = field_max(r, asked_);
    if (draft) draft->say("goal.incomplete", "inputs are missing: never below ", asked_);
  }
  if (r.memory <= bounds_.max.memory) r.memory = round_up(r.memory, bounds_.memory_step.value);
  const Resources bounded = neonvm::clamp(r, bounds_.min, bounds_.max);
  if (draft && bounded != r)
    draft->say("bounds", r, " moved into ", bounds_.min, " .. ", bounds_.max);
  return bounded;
}

// What the scheduler certainly still keeps for us: an unanswered ask for less may have been taken.
std::optional<Resources> Scaling::sure_permit(Instant now) const {
  if (!permit_) return permit_;
  Resources sure = *permit_;
  if (permit_until_ <= now) sure = field_min(sure, asked_);
  return permit_deed_ ? field_min(sure, permit_deed_->to) : sure;
}

// What a scheduler that lost its books must still count on: more than what is sure.
std::optional<Resources> Scaling::claimed_permit(Instant now) const {
  const auto sure = sure_permit(now);
  if (!sure || permit_until_ > now) return sure;
  const Resources used = field_min(*permit_, held());
  return permit_deed_ ? field_min(used, permit_deed_->to) : used;
}

Resources Scaling::allowed(Instant now) const { return sure_permit(now).value_or(asked_); }

// Not while less is being asked for: the answer would take it back.
void Scaling::next_headroom(Draft& draft) const {
  const Resources& wish = draft.actions.wish;
  if (!held_back_.empty() || !exceeds_somewhere(wish, allowed(draft.now))) return;
  if (permit_deed_ && exceeds_somewhere(wish, permit_deed_->to)) return;
  draft.actions.headroom = field_max(wish, held());
}

bool Scaling::under_way(const std::optional<Deed>& deed, Instant now) const {
  return deed && deed->at + settings_.deed_timeout > now;
}

Revision Scaling::revision_for(const Resources& wish) const {
  return wish == target_.value_or(asked_) ? target_revision_ : fresh_revision(wish);
}

Revision Scaling::fresh_revision(const Resources& wish) const {
  const Resources before = target_.value_or(asked_);
  Revision r{last_revision_ + 1, 0};
  if (exceeds_somewhere(wish, before)) r.flags |= Revision::upscale;
  if (exceeds_somewhere(before, wish)) r.flags |= Revision::downscale;
  return r;
}

void Scaling::next_permit(Draft& draft) const {
  const Resources& wish = draft.actions.wish;
  const bool may_lapse = permit_ && permit_until_ > draft.now && exceeds_somewhere(*permit_, asked_);
  if (may_lapse) draft.wake(permit_until_);
  if (under_way(permit_deed_, draft.now)) {
    draft.wake(permit_deed_->at + settings_.deed_timeout);
    return;
  }
  if (draft.holds(permit_failure_, "permit.failed")) return;
  const Resources least = held();
  const Resources wanted = held_back_.empty() ? field_max(least, wish) : least;
  const auto permit = sure_permit(draft.now);
  if (permit && last_wanted_) {
    const Instant due = last_asked_ + settings_.permit_refresh;
    const Instant again = exceeds_somewhere(*last_wanted_, *permit) ? last_asked_ + settings_.permit_denied_retry : draft.now;
    if (permit_until_ <= draft.now) draft.say("permit.lapsed", "not restated for too long: only what is used of it holds");
    else if (exceeds_somewhere(*last_wanted_, *permit))
      draft.say("permit.short", "the node gives ", *permit, " of ", *last_wanted_);
    if ((wanted != *permit || again >= due) && again > draft.now) draft.ask_again(again);
    if (due > again && due > draft.now) draft.wake(due);
    if ((wanted == *permit && due > draft.now) || again > draft.now) return;
  }
  draft.actions.permit = AskPermit{last_id_ + 1, wanted, claimed_permit(draft.now), revision_for(wish)};
}

void Scaling::next_look(Draft& draft) const {
  if (under_way(look_deed_, draft.now)) {
    draft.wake(look_deed_->at + settings_.deed_timeout);
    return;
  }
  draft.say("resize.unsure", "a write may or may not have happened: reading the VM again");
  draft.actions.look = last_id_ + 5;
}

Resources Scaling::lowest(const Resources& wish, Instant now, Draft& draft) const {
  if (forced(now)) {
    draft.say("shrink.forced", "the guest has not agreed for too long");
    return wish;
  }
  if (consent_) return field_min(*consent_, asked_);
  const Resources low = field_min(asked_, bounds_.max);
  if (exceeds_somewhere(low, wish)) draft.say("guest.absent", "no guest is connected to agree to a shrink");
  return low;
}

bool Scaling::forced(Instant now) const {
  return settings_.force_shrink_after && refused_since_ && *refused_since_ + *settings_.force_shrink_after <= now;
}

void Scaling::next_resize(Draft& draft) const {
  const Resources& wish = draft.actions.wish;
  if (under_way(resize_deed_, draft.now)) {
    draft.wake(resize_deed_->at + settings_.deed_timeout);
    return;
  }
  const Resources floor = field_max(wish, lowest(wish, draft.now, draft));
  auto permit = sure_permit(draft.now);
  if (permit && draft.actions.permit) permit = field_min(*permit, draft.actions.permit->wanted);
  // Down to the floor; up to the permit, but a field that is above the permit already is not our doing.
  const Resources ceiling = field_max(permit.value_or(asked_), asked_);
  const Resources to = field_min(floor, ceiling);
  const bool unsure = must_look_ || resize_deed_ || maybe_written_;
  if (!held_back_.empty()) {
    if (wish != asked_ || unsure) draft.say("held", held_back_);
    return;
  }
  if (to == asked_ && !unsure) return;
  if (draft.holds(resize_failure_, "resize.failed")) return;
  if (unsure) return next_look(draft);
  Revision revision = revision_for(wish);
  if (revision.value <= asked_revision_.value) revision = fresh_revision(to);
  draft.actions.resize = SizeDeed{last_id_ + 2, asked_, to, revision};
}

// What the VM really has, never more than what is asked (the rest is leaving) or wanted (it would be taken back).
std::optional<Resources> Scaling::tell_target(const Resources& wish) const {
  const bool follows = actual_revision_.value >= asked_revision_.value;
  if (!settled_ || !follows) return std::nullopt;
  Resources here = field_min(has(), asked_);
  if (resize_deed_) here = field_min(here, resize_deed_->to);
  if (maybe_written_) here = field_min(here, maybe_written_->to);
  const Resources to = field_max(told_, field_min(here, field_max(wish, told_)));
  if (to == told_) return std::nullopt;
  return to;
}

std::optional<Resources> Scaling::consent_target(const Resources& wish, Instant now, Draft& draft) const {
  Resources to = field_min(*consent_, wish);
  if (to == *consent_) return std::nullopt;
  if (refusal_ && refusal_->at + settings_.consent_cooldown > now) {
    draft.wake(refusal_->at + settings_.consent_cooldown);
    draft.say("guest.refused", "the guest refused ", refusal_->target, ": ", refusal_->why);
    if (!refusal_->floor) return std::nullopt;
    to.memory = std::max(to.memory, round_up(*refusal_->floor, bounds_.memory_step.value));
    to.memory = std::min(to.memory, consent_->memory);
    // Each try within the cooldown is for more than the one refused, so they end.
    if (to == *consent_ || to.memory <= refusal_->target.memory) return std::nullopt;
  }
  std::uint32_t units = settings_.units_per_consent;
  if (cautious_units_ != 0) units = units == 0 ? cautious_units_ : std::min(units, cautious_units_);
  if (units != 0) {
    to = field_max(to, *consent_ - settings_.compute_unit * units);
    to.memory = std::min(round_up(to.memory, bounds_.memory_step.value), consent_->memory);
    if (to == *consent_) to = field_min(*consent_, wish);
  }
  return to;
}

void Scaling::next_guest(Draft& draft) const {
  if (!consent_) return;
  const Resources& wish = draft.actions.wish;
  if (settings_.force_shrink_after && refused_since_ && !forced(draft.now) && exceeds_somewhere(*consent_, wish))
    draft.wake(*refused_since_ + *settings_.force_shrink_after);
  const auto& deed = consent_deed_ ? consent_deed_ : tell_deed_;
  if (under_way(deed, draft.now)) {
    draft.wake(deed->at + settings_.deed_timeout);
    return;
  }
  const auto tell = tell_target(wish);
  const bool may_ask = !tell && held_back_.empty() && !forced(draft.now);
  const auto consent = !may_ask ? std::nullopt : consent_target(wish, draft.now, draft);
  if ((!tell && !consent) || draft.holds(guest_failure_, "guest.failed")) return;
  if (tell) draft.actions.tell = SizeDeed{last_id_ + 4, told_, *tell, asked_revision_};
  if (consent) draft.actions.consent = SizeDeed{last_id_ + 3, *consent_, *consent, revision_for(wish)};
}

}  // namespace neonvm::decide
