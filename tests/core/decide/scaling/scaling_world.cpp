#include "tests/core/decide/scaling/scaling_world.hpp"

#include <algorithm>
#include <stdexcept>

namespace neonvm::tests {

using decide::Actions;

ScalingWorld::ScalingWorld(std::uint32_t seed) {
  settings_.units_per_consent = seed % 3;
  if (seed / 288 % 2 == 1) settings_.compute_unit = {MilliCpu{1000}, Bytes{gib}};
  settings_.coupled = seed / 3 % 2 == 1;
  names_floor_ = seed / 6 % 2 == 1;
  bounds_ = {units(1), units(8), Bytes{128 * mib}};
  capacity_ = units(4 + seed / 12 % 6);
  spec_ = actual_ = following_ = goal_ = believes_ = reserved_ = units(1 + seed / 72 % 4);
  needs_ = Bytes{512 * mib};
  specs_ = {{spec_, spec_revision_}};
  scaling_.emplace(settings_, bounds_, decide::ScalingStart{spec_, actual_, {}}, now_);
  scaling_->guest_connected(now_);
}

// One CPU online is all of 250m, if 250m are asked.
Resources ScalingWorld::has() const {
  Resources r = actual_;
  if (r.cpu.whole_cpus() == spec_.cpu.whole_cpus()) r.cpu = spec_.cpu;
  return r;
}

// A guest sees whole CPUs only.
bool ScalingWorld::guest_lives_with(const Resources& size) const {
  const Resources least = field_min(believes_, spec_);
  return size.memory >= least.memory && size.cpu.whole_cpus() >= least.cpu.whole_cpus();
}

Resources ScalingWorld::units(std::uint32_t n) const { return settings_.compute_unit * n; }

void ScalingWorld::law(bool holds, const std::string& what) const {
  if (holds) return;
  std::string story = what;
  for (const std::string& line : story_) story += "\n  " + line;
  throw std::logic_error(story);
}

void ScalingWorld::note(const std::string& what) {
  const Actions a = scaling_->next(now_);
  std::string line = std::to_string(seconds(now_ - Instant{})) + " " + what + ": spec " + to_string(spec_) + " has " +
                     to_string(actual_) + " reserved " + to_string(reserved_) + " wish " + to_string(a.wish);
  if (guest_) line += " guest counts on " + to_string(believes_);
  if (a.permit) line += " P " + to_string(a.permit->wanted);
  if (a.resize) line += " N " + to_string(a.resize->to);
  if (a.consent) line += " D " + to_string(a.consent->to);
  if (a.tell) line += " U " + to_string(a.tell->to);
  if (a.look) line += " L";
  story_.push_back(line);
}

void ScalingWorld::check() const {
  const Actions a = scaling_->next(now_);
  law(fits_in(bounds_.min, a.wish) && fits_in(a.wish, bounds_.max), "1: wish " + to_string(a.wish) + " out of bounds");
  law(a.wish.memory.value % bounds_.memory_step.value == 0, "1: memory off the step");
  if (asked_permit_) {
    const Resources may = promised();
    law(fits_in(spec_, may), "2: asked " + to_string(spec_) + " above what is promised " + to_string(may));
    law(actual_.memory <= may.memory && actual_.cpu.whole_cpus() <= may.cpu.whole_cpus(),
        "4: the VM has " + to_string(actual_) + ", promised " + to_string(may));
  }
  law(!(a.permit && open_.count(Kind::permit)), "5: two permits");
  law(!(a.resize && open_.count(Kind::resize)), "5: two resizes");
  law(!(a.look && open_.count(Kind::look)), "5: two looks");
  law(!((a.consent || a.tell) && (open_.count(Kind::consent) || open_.count(Kind::tell))), "5: two guest deeds");
  law(!(a.consent && a.tell), "5: consent and tell at once");
  law(!a.wake_at || *a.wake_at >= now_, "7: wakes in the past");
}

// Whatever has had no answer for so long will never have an effect any more.
void ScalingWorld::forget_timed_out() {
  for (auto it = open_.begin(); it != open_.end();)
    it = it->second.at + settings_.deed_timeout <= now_ ? open_.erase(it) : std::next(it);
}

void ScalingWorld::pass(Duration d) {
  const Instant then = now_ + d;
  // When a lease ends, what was used of it has been seen by the scheduler; the rest is free again.
  if (lent_until_ > now_ && lent_until_ <= then) {
    Resources used = field_max(field_max(spec_, actual_), following_);
    if (const auto write = open_.find(Kind::resize); write != open_.end()) used = field_max(used, write->second.to);
    reserved_ = field_max(reserved_, field_min(lent_, used));
  }
  now_ = then;
  forget_timed_out();
}

Resources ScalingWorld::promised() const { return lent_until_ > now_ ? field_max(reserved_, lent_) : reserved_; }

void ScalingWorld::take_headroom(const Actions& actions) {
  if (!actions.headroom) return;
  asked_permit_ = true;
  lent_ = field_min(*actions.headroom, field_max(capacity_, reserved_));
  lent_ = field_max(lent_, scaling_->allowed(now_));
  lent_until_ = now_ + std::chrono::seconds(4);
  scaling_->headroom_taken(lent_, lent_until_, now_);
}

void ScalingWorld::step(std::uint32_t choice) {
  const std::uint32_t what = choice % 16, rest = choice / 16;
  switch (what) {
    case 0: case 1: case 2: case 3: start(rest); break;
    case 4: case 5: case 6: end_one(rest); break;
    case 7: answer_again(rest); break;
    case 8: case 9: move_vm(rest); break;
    case 10: show_spec(rest); break;
    case 11: case 12: show_actual(rest); break;
    case 13: change_wishes(rest); break;
    case 14: pass(std::chrono::milliseconds(rest % 2500)); break;
    default: rest % 8 == 0 ? guest_comes_or_goes() : pass(std::chrono::milliseconds(10)); break;
  }
  note(std::to_string(what) + "/" + std::to_string(rest));
  check();
}

void ScalingWorld::start(std::uint32_t choice) {
  const Actions a = scaling_->next(now_);
  const std::uint32_t which = choice % 6;
  if (which == 5) return take_headroom(a);
  if (which == 0 && a.permit) {
    asked_permit_ = true;
    open_[Kind::permit] = {Kind::permit, a.permit->id, a.permit->wanted, a.permit->revision, 0, false, now_, false, false};
    scaling_->permit_asked(*a.permit, now_);
  } else if (which == 1 && a.resize) {
    law(a.resize->revision.value > spec_revision_.value || seen_version_ != spec_version_, "5: revision used twice");
    open_[Kind::resize] = {Kind::resize, a.resize->id, a.resize->to, a.resize->revision, seen_version_, false, now_, false, false};
    scaling_->resize_started(*a.resize, now_);
  } else if (which == 2 && a.look) {
    open_[Kind::look] = {Kind::look, *a.look, {}, {}, 0, false, now_, false, false};
    scaling_->look_started(*a.look, now_);
  } else if (which == 3 && a.consent) {
    open_[Kind::consent] = {Kind::consent, a.consent->id, a.consent->to, a.consent->revision, 0, false, now_, false, false};
    scaling_->consent_asked(*a.consent, now_);
  } else if (which == 4 && a.tell) {
    open_[Kind::tell] = {Kind::tell, a.tell->id, a.tell->to, a.tell->revision, 0, false, now_, false, false};
    scaling_->grown_started(*a.tell, now_);
  } else {
    return;
  }
  // Half of the deeds have their effect at once, the others when they end, if at all.
  if (choice / 6 % 2 == 0)
    for (auto& [kind, open] : open_)
      if (!open.done && open.at == now_) take_effect(open);
}

void ScalingWorld::take_effect(Open& open) {
  open.done = true;
  switch (open.kind) {
    case Kind::permit:
      reserved_ = field_max(field_min(open.to, reserved_), field_min(open.to, capacity_));
      break;
    case Kind::resize:
      if (open.version != spec_version_) return;
      if (guest_ && !open.of_former_guest) law(guest_lives_with(open.to), "3: below what the guest counts on");
      spec_ = open.to;
      spec_revision_ = open.revision;
      specs_.push_back({spec_, spec_revision_});
      ++spec_version_;
      break;
    case Kind::look:
      break;
    case Kind::consent:
      open.agreed = open.to.memory >= needs_;
      if (open.agreed) believes_ = field_min(believes_, open.to);
      break;
    case Kind::tell:
      believes_ = field_max(believes_, open.to);
      break;
  }
}

void ScalingWorld::answer(const Open& open, bool truthful, std::uint32_t how) {
  decide::Scaling& s = *scaling_;
  const Error error{how % 2 == 0 ? Code::unavailable : Code::deadline_exceeded, "lost"};
  switch (open.kind) {
    case Kind::permit:
      truthful ? s.permit_granted(open.id, field_min(open.to, reserved_), now_) : s.permit_failed(open.id, error, now_);
      break;
    case Kind::resize:
      if (truthful && open.version == spec_version_ - 1 && open.revision.value == spec_revision_.value) {
        seen_version_ = spec_version_;
        s.resize_written(open.id, now_);
      } else {
        s.resize_failed(open.id, truthful ? Error{Code::conflict, "written by another"} : error, now_);
      }
      break;
    case Kind::look:
      seen_version_ = spec_version_;
      truthful ? s.looked(open.id, spec_, spec_revision_, now_) : s.look_failed(open.id, error, now_);
      break;
    case Kind::consent: {
      const auto floor = names_floor_ ? std::optional(needs_) : std::nullopt;
      if (!truthful) s.consent_failed(open.id, error, now_);
      else if (open.agreed) s.consent_given(open.id, now_);
      else s.consent_refused(open.id, "in use", floor, now_);
      break;
    }
    case Kind::tell:
      truthful ? s.grown_told(open.id, now_) : s.grown_failed(open.id, error, now_);
      break;
  }
}

void ScalingWorld::end_one(std::uint32_t choice) {
  if (open_.empty()) return;
  auto it = std::next(open_.begin(), static_cast<long>(choice % open_.size()));
  Open open = it->second;
  const std::uint32_t how = choice / 8 % 8;   // 0..4 done and told, 5 done but lost, 6 not done and told so, 7 silence
  if (how == 7) return pass(settings_.deed_timeout);
  open_.erase(it);
  if (how <= 5 && !open.done) take_effect(open);
  past_.push_back(open);
  answer(open, how <= 4, choice);
}

void ScalingWorld::answer_again(std::uint32_t choice) {
  if (past_.empty()) return;
  answer(past_[choice % past_.size()], choice / 64 % 2 == 0, choice);
}

void ScalingWorld::move_vm(std::uint32_t choice) {
  if (choice % 2 == 0) {
    following_ = spec_;
    following_revision_ = spec_revision_;
    return;
  }
  const auto half = [](auto have, auto want) {
    const auto far = have > want ? have - want : want - have;
    return far < 1024 ? want : (have > want ? have - far / 2 : have + far / 2);
  };
  actual_.cpu.value = half(actual_.cpu.value, following_.cpu.value);
  actual_.memory.value = half(actual_.memory.value, following_.memory.value);
}

void ScalingWorld::show_spec(std::uint32_t choice) {
  // An update to the newest is how a watch tells its version; older ones come late or twice.
  const std::size_t back = std::min<std::size_t>(choice % 3, specs_.size() - 1);
  const auto& [asked, revision] = specs_[specs_.size() - 1 - back];
  if (back == 0) seen_version_ = spec_version_;
  scaling_->asked_observed(asked, revision, now_);
}

void ScalingWorld::report() {
  told_ = {actual_, following_revision_, actual_ == following_};
  scaling_->actual_observed(actual_, following_revision_, actual_ == following_, now_);
}

// A runner tells a change once.
void ScalingWorld::report_news() {
  if (told_ != std::tuple(actual_, following_revision_, actual_ == following_)) report();
}

void ScalingWorld::show_actual(std::uint32_t choice) {
  report();
  if (choice % 2 == 0 && specs_.size() > 1 && specs_.front().second.value < following_revision_.value)
    scaling_->actual_observed(specs_.front().first, specs_.front().second, true, now_);
}

void ScalingWorld::change_wishes(std::uint32_t choice) {
  const std::uint32_t what = choice % 8, n = choice / 8 % 9;
  if (what < 4) {
    goal_ = what == 0 ? Resources{units(n).cpu, units(8 - n).memory} : units(n);
    scaling_->goal_changed({goal_, what != 3, 0, {}, {}}, now_);
  } else if (what == 4) {
    bounds_.max = units(std::max(2u, n));
    scaling_->bounds_changed(bounds_, now_);
  } else if (what == 5) {
    scaling_->memory_wanted({units(n).memory}, now_);
  } else if (what == 6) {
    needs_ = Bytes{n * 600 * mib};
  } else {
    n % 2 == 0 ? scaling_->held_back("migrating", now_) : scaling_->let_go(now_);
  }
}

void ScalingWorld::guest_comes_or_goes() {
  open_.erase(Kind::consent);
  open_.erase(Kind::tell);
  for (auto& [kind, open] : open_) open.of_former_guest = true;
  guest_ = !guest_;
  if (!guest_) return scaling_->guest_lost(now_);
  // A new session counts on what it finds, and the link tells what that is.
  report();
  believes_ = has();
  scaling_->guest_connected(now_);
}

void ScalingWorld::start_all() {
  for (std::uint32_t which = 0; which < 5; ++which) start(which);
  while (!open_.empty()) {
    Open open = open_.begin()->second;
    open_.erase(open_.begin());
    if (!open.done) take_effect(open);
    past_.push_back(open);
    // The runner may be quicker than the store's answer.
    if (quick_ = !quick_; quick_) follow();
    answer(open, true, 0);
    check();
  }
}

void ScalingWorld::follow() {
  for (std::uint32_t i = 0; i < 80; ++i) move_vm(i == 0 ? 0 : 1);
  report_news();
}

void ScalingWorld::settle() {
  pass(settings_.deed_timeout);
  scaling_->let_go(now_);
  if (!guest_) guest_comes_or_goes();
  needs_ = Bytes{512 * mib};
  scaling_->goal_changed({goal_, true, 0, {}, {}}, now_);
  Instant calm = now_;
  for (int round = 0; round < 400 && now_ - calm < std::chrono::seconds(40); ++round) {
    const auto before = std::make_pair(spec_, scaling_->consent());
    start_all();
    follow();
    show_spec(0);
    note("settling");
    check();
    const Actions a = scaling_->next(now_);
    if (before != std::make_pair(spec_, scaling_->consent())) calm = now_;
    law(a.wake_at.has_value() || a.permit || a.resize || a.look || a.consent || a.tell, "7: nothing to wait for");
    if (!(a.permit || a.resize || a.look || a.consent || a.tell)) pass(*a.wake_at - now_ + Duration(1));
  }
  const Resources wish = scaling_->wish(now_);
  const Resources possible = field_min(wish, field_max(capacity_, bounds_.min));
  law(spec_ == possible, "7: stuck at " + to_string(spec_) + " instead of " + to_string(possible));
  law(actual_ == spec_, "7: actual differs");
  law(scaling_->permit() == std::optional(reserved_) && reserved_ == spec_, "4: permit not given back");
}

}  // namespace neonvm::tests
