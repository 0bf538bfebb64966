// Messages and deeds: from what Scaling says to what happens in the world, and back.
#include <algorithm>
#include <cmath>

#include "core/simulate/simulated_vm.hpp"

namespace neonvm::simulate {
namespace {

constexpr Instant never = Instant::max();
constexpr std::uint64_t block = 2 * mib;                    // of virtio-mem
constexpr Duration unplug_again = std::chrono::seconds(5);  // the driver tries what was in use once more
constexpr int most_rounds = 16;
constexpr Duration tick = std::chrono::milliseconds(1);

}  // namespace

void SimulatedVm::send(Event event, Instant at, Duration delay) {
  event.due = at + delay;
  event.life = life_;
  events_.push_back(std::move(event));
}

void SimulatedVm::changed() { idle_ = only_question_ = repeats_ = false; }

void SimulatedVm::think(Instant at) {
  for (int round = 0; round < most_rounds; ++round) {
    const decide::Actions actions = scaling_.next(at, false);
    const bool acts = actions.permit || actions.resize || actions.consent || actions.tell || actions.look;
    wake_at_ = actions.wake_at.value_or(never);
    if (mischief_ != nullptr) mischief_->deciding(*this, actions, at);
    if (!acts) {
      idle_ = settings_->skip_quiet;
      const Duration retry = settings_->scaling.permit_denied_retry;
      const bool holds = settings_->scaling.permit_valid > retry * 2 && retry > settings_->delays.permit + tick;
      repeats_ = idle_ && holds && only_question_ && denied_ && events_.empty() && mischief_ == nullptr;
      besides_ = actions.wake_besides.value_or(never);
      if (wake_at_ <= at) wake_at_ = at + tick;
      return;
    }
    start(actions, at);
  }
  wake_at_ = at + tick;
}

// What next() would say now, without asking it.
void SimulatedVm::put_again(Instant at) {
  ++question_.id;
  question_.last_permit = scaling_.permit();
  scaling_.permit_asked(question_, at);
  asked_at_ = at;
  wake_at_ = never;     // the answer comes first
}

void SimulatedVm::ask_again(Instant at) {
  put_again(at);
  Event event;
  event.kind = Kind::ask;
  event.id = question_.id, event.to = question_.wanted, event.revision = question_.revision;
  event.from = question_.last_permit.value_or(Resources{});
  send(std::move(event), at, settings_->delays.permit / 2);
}

void SimulatedVm::start(const decide::Actions& actions, Instant at) {
  const Delays& d = settings_->delays;
  only_question_ = actions.permit && !actions.resize && !actions.consent && !actions.tell && !actions.look;
  if (only_question_) question_ = *actions.permit;
  const auto fate = [&](Message message) { return mischief_ == nullptr ? Fate{} : mischief_->fate(*this, message, at); };
  const auto go = [&](Kind kind, const decide::SizeDeed& deed, const Fate& f, Duration delay) {
    Event event;
    event.kind = kind;
    event.id = deed.id, event.from = deed.from, event.to = deed.to, event.revision = deed.revision;
    event.ok = !f.refused;
    if (!f.lost) send(event, at, delay / 2 + f.late);
    if (f.doubled && !f.lost) send(event, at, delay / 2 + f.late + delay);
  };
  if (actions.permit) {
    scaling_.permit_asked(*actions.permit, at);
    const decide::SizeDeed deed{actions.permit->id, actions.permit->last_permit.value_or(Resources{}),
                                actions.permit->wanted, actions.permit->revision};
    go(Kind::ask, deed, fate(Message::permit), d.permit);
  }
  if (actions.resize) {
    scaling_.resize_started(*actions.resize, at);
    go(Kind::write, *actions.resize, fate(Message::write), d.write);
  }
  if (actions.consent) {
    scaling_.consent_asked(*actions.consent, at);
    go(Kind::consent, *actions.consent, fate(Message::consent), d.consent);
  }
  if (actions.tell) {
    scaling_.grown_started(*actions.tell, at);
    go(Kind::tell, *actions.tell, fate(Message::tell), d.tell);
  }
  if (actions.look) {
    scaling_.look_started(*actions.look, at);
    Event event;
    event.id = *actions.look;
    send(event, at, d.write / 2);
  }
}

bool SimulatedVm::would_still_wait(const decide::Ledger& ledger) const {
  return booking_ != nullptr && scaling_.permit() == ledger.would_permit(*booking_, question_.wanted, settings_->compute_unit);
}

void SimulatedVm::waited(Instant before) {
  const Duration half = settings_->delays.permit / 2, period = settings_->scaling.permit_denied_retry;
  const Instant first = wake_at_ + half;
  if (before <= first) return;
  // Mostly it is one: a division costs more than the rest.
  const Duration asking = before - first - Duration(1);
  const std::uint64_t times = asking < period ? 1 : static_cast<std::uint64_t>(asking / period) + 1;
  const Instant last = wake_at_ + period * static_cast<std::int64_t>(times - 1);
  question_.id += times - 1;
  stats_.denials += times;
  put_again(last);
  const Instant answered = last + half * 2;
  if (answered < before) return refused_again(answered);
  Event answer;
  answer.kind = Kind::permit;
  answer.id = question_.id, answer.revision = question_.revision;
  answer.from = question_.last_permit.value_or(Resources{}), answer.to = *scaling_.permit();
  send(std::move(answer), answered, Duration{0});
}

bool SimulatedVm::visit(decide::Ledger& ledger) {
  const std::size_t first = first_event();
  Event event = std::move(events_[first]);
  events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(first));
  const Instant at = event.due;
  const decide::Ledger::Entry* known = booking(ledger);
  const Resources before = known != nullptr ? reserved(*known) : Resources{};
  if (event.kind == Kind::report) {
    if (known != nullptr) ledger.actual_seen(*known, event.to);
  } else {
    std::optional<Resources> last;
    if (event.from != Resources{}) last = event.from;
    Result<decide::Grant> grant = Error{Code::unavailable, "the scheduler is not there"};
    if (event.ok && known != nullptr)
      grant = ledger.ask(*known, event.to, settings_->compute_unit, last, at, {event.life + 1, event.id}, false);
    Event answer = event;
    answer.kind = Kind::permit;
    answer.ok = grant.ok();
    answer.due = at + settings_->delays.permit / 2;
    if (grant && exceeds_somewhere(event.to, grant->permit)) {
      ++stats_.denials;
      denied_ = true;
    } else if (grant) {
      denied_ = false;
    }
    if (grant) answer.to = grant->permit;
    if (!grant) answer.why = grant.error().message;
    events_.push_back(std::move(answer));
  }
  if (mischief_ != nullptr) mischief_->happened(*this, at);
  return known != nullptr && reserved(*known) != before;
}

// The answer to a question, the same as the last time: waits for the next time to ask.
bool SimulatedVm::still_no_room(const Event& event) {
  const bool same = repeats_ && event.kind == Kind::permit && event.ok && event.to == scaling_.permit();
  if (same) refused_again(event.due);
  return same;
}

void SimulatedVm::refused_again(Instant at) {
  scaling_.permit_granted(question_.id, *scaling_.permit(), at);
  wake_at_ = std::max(std::min(asked_at_ + settings_->scaling.permit_denied_retry, besides_), at + tick);
}

void SimulatedVm::happens(const Event& event) {
  const Instant at = event.due;
  if (still_no_room(event)) return;
  const bool answer = event.kind == Kind::permit && event.ok && only_question_;
  changed();
  only_question_ = answer;
  const bool for_me = event.life == life_;
  switch (event.kind) {
    case Kind::permit:
      if (for_me && event.ok) scaling_.permit_granted(event.id, event.to, at);
      if (for_me && !event.ok) scaling_.permit_failed(event.id, Error{Code::unavailable, event.why}, at);
      break;
    case Kind::write: write_arrives(event); break;
    case Kind::written:
      if (for_me && event.ok) scaling_.resize_written(event.id, at);
      if (for_me && !event.ok) scaling_.resize_failed(event.id, Error{Code::conflict, event.why}, at);
      break;
    case Kind::cpus: cpus_follow(event); break;
    case Kind::memory: memory_follows(event); break;
    case Kind::consent: consent_arrives(event); break;
    case Kind::consented:
      if (for_me && event.ok) scaling_.consent_given(event.id, at);
      if (for_me && !event.ok) scaling_.consent_refused(event.id, event.why, event.floor, at), ++stats_.refusals;
      break;
    case Kind::tell: {
      tell(event.to.memory, at);
      Event answer = event;
      answer.kind = Kind::told;
      answer.due = at + settings_->delays.tell / 2;
      events_.push_back(std::move(answer));
      break;
    }
    case Kind::told:
      if (for_me && event.ok) scaling_.grown_told(event.id, at);
      if (for_me && !event.ok) scaling_.grown_failed(event.id, Error{Code::unavailable, "the guest did not answer"}, at);
      break;
    case Kind::look:
      if (for_me) scaling_.looked(event.id, asked_, asked_revision_, at);
      break;
    case Kind::want:
      request_ = GuestRequest{at, event.to.memory};
      scaling_.memory_wanted({event.to.memory}, at);
      break;
    case Kind::ask:
    case Kind::report: break;   // visit() does these
  }
}

void SimulatedVm::write_arrives(const Event& event) {
  const Instant at = event.due;
  elapse(at);
  Event answer = event;
  answer.kind = Kind::written;
  answer.due = at + settings_->delays.write / 2;
  // Somebody wrote meanwhile, or the store is busy: nothing happens.
  if (!event.ok || event.revision.value <= asked_revision_.value) {
    answer.ok = false;
    answer.why = "the VM was written by somebody else";
    events_.push_back(std::move(answer));
    return;
  }
  const bool up = exceeds_somewhere(event.to, asked_);
  const int direction = up ? 1 : -1;
  ++stats_.resizes;
  if (up) ++stats_.grows;
  if (up && relieved_) ++stats_.grows_by_move, relieved_ = false;
  if (direction_ != 0 && direction != direction_) ++stats_.turns;
  direction_ = direction;
  asked_ = event.to;
  asked_revision_ = event.revision;
  cpus_done_ = memory_done_ = false;
  const Delays& d = settings_->delays;
  const auto count = [](MilliCpu c) { return static_cast<std::int64_t>(c.whole_cpus()); };
  const std::int64_t cpus = count(asked_.cpu) - count(actual_.cpu);
  Event follow = event;
  follow.kind = Kind::cpus;
  follow.due = at + (cpus > 0 ? d.cpu_online * cpus : d.cpu_offline * -cpus);
  events_.push_back(follow);
  follow.kind = Kind::memory;
  follow.due = at + memory_time(asked_.memory);
  events_.push_back(follow);
  events_.push_back(std::move(answer));
}

Duration SimulatedVm::memory_time(Bytes to) const {
  const Delays& d = settings_->delays;
  constexpr double g = static_cast<double>(gib);
  const double has = static_cast<double>(actual_.memory.value), will = static_cast<double>(to.value);
  if (will == has) return Duration{0};
  if (will > has) return d.memory_least + from_seconds((will - has) / g * d.plug_per_gib);
  const double leaving = has - will;
  const double free = std::min(leaving, guest_.free());
  const double file = std::min(leaving - free, guest_.file());
  const double anonymous = leaving - free - file;
  return d.memory_least + from_seconds(free / g * d.unplug_free_per_gib + file / g * d.unplug_file_per_gib +
                                       anonymous / g * d.unplug_anon_per_gib);
}

void SimulatedVm::cpus_follow(const Event& event) {
  if (event.revision.value != asked_revision_.value) return;
  elapse(event.due);
  const bool same = actual_.cpu == asked_.cpu;
  actual_.cpu = asked_.cpu;
  cpus_done_ = true;
  if (!same) report(event.due, memory_done_);
  else scaling_.actual_observed(actual_, asked_revision_, memory_done_, event.due);
}

// What is in use cannot leave: the device stays larger than asked, says so, and tries again.
void SimulatedVm::memory_follows(const Event& event) {
  if (event.revision.value != asked_revision_.value) return;
  elapse(event.due);
  const Resources before = actual_;
  const auto least = round_up(Bytes{static_cast<std::uint64_t>(guest_.least_memory())}, block);
  if (asked_.memory >= actual_.memory) actual_.memory = asked_.memory;
  else actual_.memory = std::max(asked_.memory, std::min(actual_.memory, least));
  memory_done_ = true;
  if (actual_.memory > asked_.memory) {
    Event again = event;
    again.due = event.due + unplug_again;
    events_.push_back(std::move(again));
  }
  if (actual_ != before) report(event.due, cpus_done_);
  else scaling_.actual_observed(actual_, asked_revision_, cpus_done_, event.due);
}

void SimulatedVm::report(Instant at, bool settled) {
  size_changed();
  scaling_.actual_observed(actual_, asked_revision_, settled, at);
  Event event;
  event.kind = Kind::report;
  event.to = actual_;
  send(event, at, settings_->delays.write / 2);
}

void SimulatedVm::consent_arrives(const Event& event) {
  const Instant at = event.due;
  if (!guest_here_) return;
  elapse(at);
  Event answer = event;
  answer.kind = Kind::consented;
  answer.due = at + settings_->delays.consent / 2;
  feed_consent(at);
  const decide::ConsentAnswer said = consent_.consent(event.to, at);
  if (!event.ok) {
    answer.why = "the guest would rather not";
  } else if (said.ok) {
    tell(event.to.memory, at);
  } else {
    answer.ok = false;
    answer.why = said.why;
    answer.floor = said.floor;
  }
  events_.push_back(std::move(answer));
}

void SimulatedVm::migration_began(Instant at) {
  bring_to(at);
  migrating_ = shown_->migrating = true;
  relieved_ = denied_;
  scaling_.held_back("the VM is being migrated", at);
}

void SimulatedVm::migration_ended(Instant at, bool moved, double downtime) {
  bring_to(at);
  migrating_ = shown_->migrating = false;
  ++(moved ? stats_.migrations : stats_.failed_migrations);
  stats_.downtime += downtime;
  stats_.throttled += downtime * std::min(piece_.demand.cpu, size_.cpus);
  if (!moved) relieved_ = false;
  scaling_.let_go(at);
}

void SimulatedVm::agent_crashed(Instant at) {
  bring_to(at);
  ++life_;
  decide::ScalingSettings settings = settings_->scaling;
  settings.compute_unit = settings_->compute_unit;
  scaling_ = decide::Scaling(settings, {plan_->min, plan_->max, plan_->memory_step}, {asked_, actual_, asked_revision_}, at);
  scaling_.actual_observed(actual_, asked_revision_, cpus_done_ && memory_done_, at);
  if (guest_here_) scaling_.guest_connected(at);
  if (migrating_) scaling_.held_back("the VM is being migrated", at);
  said_.reset();
  wanted_.reset();
}

void SimulatedVm::guest_lost(Instant at) {
  bring_to(at);
  guest_here_ = false;
  scaling_.guest_lost(at);
}

void SimulatedVm::guest_back(Instant at) {
  bring_to(at);
  if (guest_here_) return;
  guest_here_ = true;
  scaling_.guest_connected(at);
}

}  // namespace neonvm::simulate
