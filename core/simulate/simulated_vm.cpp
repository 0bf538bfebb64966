#include "core/simulate/simulated_vm.hpp"

#include <algorithm>
#include <cmath>
#include <exception>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

constexpr Instant never = Instant::max();
constexpr double fourth = 0.25;
// As a PSI trigger "some 50000 1000000" would fire: 50 ms of waiting within a second.
constexpr Duration pressure_delay = std::chrono::milliseconds(100);

decide::ScalingSettings scaling_of(const Settings& s) {
  decide::ScalingSettings made = s.scaling;
  made.compute_unit = s.compute_unit;
  return made;
}

MilliCpu milli(double cpus) { return MilliCpu{static_cast<std::uint32_t>(std::min(std::ceil(cpus * 1000), 4e9))}; }

void fetch_lines(const void* from, const void* end) {
  constexpr std::ptrdiff_t line = 64;
  for (const char* at = static_cast<const char*>(from); at < static_cast<const char*>(end); at += line) __builtin_prefetch(at);
}

double whole_units(double cpu, double memory, const Resources& unit) {
  const double units = std::max(cpu / unit.cpu.cpus(), memory / static_cast<double>(unit.memory.value));
  return std::max(1.0, std::ceil(units - 1e-9));
}

}  // namespace

SimulatedVm::SimulatedVm(const VmPlan& plan, const Settings& settings, std::unique_ptr<DemandSource> demand,
                         std::size_t index, Instant at, Shown* shown)
    : plan_(&plan), settings_(&settings), name_(plan.name), min_(plan.min), max_(plan.max),
      memory_step_(plan.memory_step), index_(index), shown_(shown),
      asked_(plan.start), actual_(plan.start), now_(at), piece_end_(at), sampled_at_(at), settled_at_(at),
      guest_(settings.guest, plan.min.memory, plan.max.cpu.whole_cpus()), source_(std::move(demand)),
      scaling_(scaling_of(settings), {plan.min, plan.max, plan.memory_step}, {plan.start, plan.start, {}}, at),
      consent_(settings.consent), holder_(plan.name) {
  // Guests are not in step with each other.
  const auto period = static_cast<std::uint64_t>(settings.step.count());
  step_at_ = at + Duration(static_cast<std::int64_t>(mixed(settings.seed ^ hashed(plan.name)) % period));
  tell(actual_.memory, at);
  scaling_.guest_connected(at);
  next_piece();
  size_changed();
}

std::size_t SimulatedVm::first_event() const {
  std::size_t first = events_.size();
  for (std::size_t i = 0; i < events_.size(); ++i)
    if (first == events_.size() || events_[i].due < events_[first].due) first = i;
  return first;
}

Instant SimulatedVm::next_at() const {
  if (gone_) return never;
  Instant at = std::min({step_at_, piece_end_, wake_at_, memory_at_, extra_at_});
  for (const Event& event : events_) at = std::min(at, event.due);
  return at;
}

void SimulatedVm::fetch() const { fetch_lines(this, &stats_.cpu_levels); }

void SimulatedVm::fetch_rest(Instant until) const {
  if (piece_end_ < until) fetch_lines(source_.get(), source_.get() + 16);
  if (will_look_at_memory(until)) fetch_lines(&consent_, &holder_);
  if (!denied_ || booking_ == nullptr) return;
  fetch_lines(events_.data(), events_.data() + 1);
  fetch_lines(&booking_->granted, booking_ + 1);
  fetch_lines(&question_, &consent_);
}

void SimulatedVm::fetch_last(Instant until) const {
  if (will_look_at_memory(until)) consent_.fetch();
}

// As far as can be told beforehand.
bool SimulatedVm::will_look_at_memory(Instant until) const {
  return memory_at_ < until || told_ != actual_.memory || guest_.available() < guest_.total() * fourth;
}

bool SimulatedVm::only_waits() const {
  const Instant visit_at = wake_at_ + settings_->delays.permit / 2;
  return events_.empty() && visit_at < std::min({besides_, step_at_, piece_end_, memory_at_, extra_at_});
}

std::optional<SimulatedVm::Stop> SimulatedVm::advance(Instant until, PolicyCall& policy, bool may_wait) {
  while (!gone_) {
    if (may_wait && repeats_ && wake_at_ < until && only_waits())
      return Stop{std::min({step_at_, piece_end_, memory_at_, extra_at_, besides_}), true};
    const std::size_t first = events_.empty() ? 0 : first_event();
    const Instant event_at = events_.empty() ? never : events_[first].due;
    const Instant at = std::min(std::min(std::min(event_at, step_at_), std::min(piece_end_, wake_at_)),
                                std::min(memory_at_, extra_at_));
    if (at >= until) return std::nullopt;
    if (at == event_at && (events_[first].kind == Kind::ask || events_[first].kind == Kind::report)) return Stop{at};
    if (at == event_at) {
      const Event event = std::move(events_[first]);
      events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(first));
      happens(event);
      if (event.kind == Kind::want) ask_policy(at, policy);
    } else if (at == memory_at_) {
      look_at_memory(at);
    } else if (at == step_at_ || at == extra_at_) {
      step(at, policy);
    } else if (at == piece_end_) {
      elapse(at);
    }
    if (gone_) break;
    if (at >= wake_at_ && repeats_ && at < besides_) {
      ask_again(at);
    } else {
      if (at >= wake_at_) changed();
      if (!idle_) think(at);
    }
    if (mischief_ != nullptr) mischief_->happened(*this, at);
  }
  return std::nullopt;
}

void SimulatedVm::bring_to(Instant at) {
  if (gone_) return;
  elapse(at);
  settle();
  changed();
  wake_at_ = std::min(wake_at_, at);
}

void SimulatedVm::elapse(Instant to) {
  while (now_ < to) {
    const Instant end = std::min(to, piece_end_);
    const double dt = seconds(end - now_);
    const Guest::Done done = guest_.advance(piece_.demand, size_, dt);
    stats_.cpu_used += done.used;
    stats_.throttled += done.throttled;
    stats_.oom_kills += done.oom_kills;
    used_since_ += done.used;
    const bool lacks = needed_cpu_ > size_.cpus + 1e-9 || guest_.starved();
    if (lacks) stats_.short_seconds += dt;
    if (lacks && !short_) short_since_ = now_;
    if (!lacks && short_) waits_.add(seconds(now_ - short_since_), 1);
    short_ = lacks;
    now_ = end;
    if (now_ == piece_end_) next_piece();
    if (gone_) return;
  }
}

// What is given and what is needed are constant between two changes of either, and counted at the changes only.
void SimulatedVm::settle() {
  const double dt = seconds(now_ - settled_at_);
  settled_at_ = now_;
  stats_.alive += dt;
  stats_.cpu_granted += size_.cpus * dt;
  stats_.memory_granted += size_.memory * dt;
  stats_.cpu_needed += needed_cpu_ * dt;
  stats_.memory_needed += needed_memory_ * dt;
  stats_.units += units_ * dt;
  stats_.oracle_units += oracle_units_ * dt;
}

void SimulatedVm::next_piece() {
  settle();
  piece_ = source_->piece(trace_seconds(now_));
  if (piece_.gone) {
    gone_ = shown_->gone = true;
    return;
  }
  const Demand& d = piece_.demand;
  const double until = piece_.until;
  piece_end_ = until < 1e9 ? std::max(at_trace_second(until), now_ + Duration(1)) : never;
  const double most_memory = static_cast<double>(max_.memory.value);
  constexpr double overhead = 64.0 * static_cast<double>(mib);
  needed_cpu_ = std::min(d.cpu, max_.cpu.cpus());
  needed_memory_ = std::min(d.anonymous * (1 + 1.0 / 512) + d.file + overhead, most_memory);
  shown_->needed = {milli(needed_cpu_), Bytes{static_cast<std::uint64_t>(needed_memory_)}};
  oracle_units_ = whole_units(needed_cpu_, needed_memory_, settings_->compute_unit);
  const double lasts = std::min(until < 1e9 ? until - trace_seconds(now_) : 3600.0, 3600.0);
  stats_.cpu_levels.add(needed_cpu_, lasts);
  stats_.memory_levels.add(needed_memory_, lasts);
  if (needed_cpu_ > size_.cpus && now_ + pressure_delay < step_at_) extra_at_ = now_ + pressure_delay;
  if (memory_runs_short()) memory_at_ = std::min(memory_at_, now_ + from_seconds(settings_->guest.wake_interval));
}

void SimulatedVm::size_changed() {
  settle();
  shown_->actual = actual_;
  size_ = {actual_.cpu.cpus(), static_cast<double>(actual_.memory.value)};
  units_ = std::max(size_.cpus / settings_->compute_unit.cpu.cpus(),
                    size_.memory / static_cast<double>(settings_->compute_unit.memory.value));
}

// A simulated guest knows every figure, so what no answer depends on need not be kept: ten thousand windows are more
// than a processor's cache holds.
void SimulatedVm::take_sample(Instant at, const PolicyCall& policy) {
  if (samples_ == nullptr) {
    window_ = std::max<std::size_t>(settings_->window, 1);
    if (settings_->skip_quiet) window_ = std::clamp<std::size_t>(policy.policy->samples_read(), 1, window_);
    if (window_ > 1) many_.resize(2 * window_);
    samples_ = window_ > 1 ? many_.data() : &only_;
  }
  if (window_ == 1) {
    taken_ = 0;
  } else if (taken_ == many_.size()) {
    std::move(many_.end() - static_cast<std::ptrdiff_t>(window_ - 1), many_.end(), many_.begin());
    taken_ = window_ - 1;
  }
  GuestSample& sample = samples_[taken_++];
  guest_.sample_into(sample);
  sample.at = at;
  sample.interval = seconds(at - sampled_at_);
  if (sample.interval > 0) sample.cpu_used = used_since_ / sample.interval;
  used_since_ = 0;
  sampled_at_ = at;
}

void SimulatedVm::step(Instant at, PolicyCall& policy) {
  if (at == step_at_) {
    step_at_ += settings_->step;
    ++stats_.steps;
  }
  elapse(at);
  if (gone_) return;
  const bool extra = at == extra_at_;
  extra_at_ = never;
  if (!guest_here_) return;
  if (extra) feed_last();
  take_sample(at, policy);
  // A guest that has what it was told of, and plenty of that free, wants nothing: it need not be asked.
  const bool near = fed_at_ + settings_->consent.rate_window * 2 >= at;
  const bool needed = told_ != actual_.memory || extra || near || memory_at_ != never ||
                      guest_.available() < guest_.total() * fourth;
  if (!settings_->skip_quiet || settings_->step <= settings_->consent.rate_window * 2 || needed) look_at_memory(at);
  else if (memory_runs_short()) memory_at_ = at + from_seconds(settings_->guest.wake_interval);
  ask_policy(at, policy);
}

void SimulatedVm::ask_policy(Instant at, PolicyCall& policy) {
  const std::size_t count = std::min(taken_, window_);
  PolicyInput& input = policy.input;
  input.vm = name_;
  input.now = at;
  if (settings_->epoch_seconds != 0)
    input.wall_seconds = settings_->epoch_seconds + static_cast<std::int64_t>(trace_seconds(at)) + wall_offset_;
  input.samples = {samples_ + (taken_ - count), count};
  input.using_now = actual_;
  input.min = min_;
  input.max = max_;
  input.compute_unit = settings_->compute_unit;
  input.config = &settings_->config;
  input.config_revision = 1;              // of a world there is one
  if (request_ && request_->at + settings_->scaling.request_valid <= at) request_.reset();
  input.request = request_;
  ++stats_.policy_calls;
  Status answer;
  try {
    answer = policy.policy->decide_into(input, policy.goal);
  } catch (const std::exception& e) {
    answer = Error{Code::internal, std::string("the policy threw: ") + e.what()};
  } catch (...) {
    answer = Error{Code::internal, "the policy threw something that is no std::exception"};
  }
  if (!answer) {
    ++stats_.policy_errors;
    if (policy_error_.empty()) policy_error_ = answer.error().message;
    return;
  }
  const Wanted said{policy.goal.wish, policy.goal.complete};
  if (settings_->skip_quiet && said_ == said) return;
  said_ = said;
  const Wanted wanted{as_scaled(said.wish), said.complete};
  if (settings_->skip_quiet && wanted_ == wanted) return;
  wanted_ = wanted;
  scaling_.goal_changed(Goal{said.wish, said.complete, policy.goal.compute_units, {}, policy.goal.ask_again}, at);
  changed();
}

// What Scaling makes of a wish before anything else: goals that differ only beyond the bounds are one goal.
Resources SimulatedVm::as_scaled(Resources wish) const {
  if (settings_->scaling.coupled) return wish;
  wish.memory = round_up(std::min(wish.memory, max_.memory), memory_step_.value);
  return clamp(wish, min_, max_);
}

bool SimulatedVm::memory_runs_short() const {
  if (!guest_here_) return false;
  const double growth = guest_.growth(piece_.demand);
  if (growth == 0) return guest_.stalled() > settings_->consent.pressed && guest_.available() < guest_.total() * fourth;
  const double rest = std::min(piece_.demand.anonymous - guest_.anonymous(), growth * seconds(settings_->step));
  return guest_.available() - rest < guest_.total() * fourth;
}

// GuestConsent forgets samples after twice its window, so steps further apart than that are fed to it only when it has
// to answer, and then the last one before: how fast memory grows is seen from two.
void SimulatedVm::feed_last() {
  if (taken_ == 0 || samples_[taken_ - 1].at <= fed_at_) return;
  consent_.sampled(samples_[taken_ - 1]);
  fed_at_ = samples_[taken_ - 1].at;
}

void SimulatedVm::feed_consent(Instant at) {
  feed_last();
  if (fed_at_ != at) {
    GuestSample sample;
    guest_.sample_into(sample);
    sample.at = at;
    consent_.sampled(sample);
  }
  fed_at_ = at;
}

void SimulatedVm::look_at_memory(Instant at) {
  memory_at_ = never;
  elapse(at);
  if (!guest_here_ || gone_) return;
  feed_consent(at);
  if (const auto wish = consent_.wish(at)) {
    consent_.wished(*wish, at);
    Event event;
    event.kind = Kind::want;
    event.to.memory = wish->memory;
    send(std::move(event), at, settings_->delays.tell);
  }
  if (memory_runs_short()) memory_at_ = at + from_seconds(settings_->guest.wake_interval);
}

}  // namespace neonvm::simulate
