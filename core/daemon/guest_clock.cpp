#include "core/daemon/guest_clock.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

bool knows_clocks(const wire::Hello& hello) {
  return std::find(hello.features.begin(), hello.features.end(), "clock") != hello.features.end();
}

Duration wall_of(const runtime::Loop& loop) { return loop.wall().time_since_epoch(); }

constexpr time_t far_away = 4'000'000'000;

}  // namespace

GuestClock::GuestClock(runtime::Loop& loop, GuestLink& guest, Callbacks callbacks)
    : loop_(loop), guest_(guest), callbacks_(std::move(callbacks)) {
  watch_own_clock();
}

GuestClock::~GuestClock() {
  jump_watch_ = {};
  if (jumps_ >= 0) ::close(jumps_);
}

// A timer that never ends, but is cancelled by the kernel when the clock is set (timerfd_create(2)).
void GuestClock::watch_own_clock() {
  if (jumps_ < 0) jumps_ = ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (jumps_ < 0) return;
  itimerspec never{};
  never.it_value.tv_sec = far_away;
  ::timerfd_settime(jumps_, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr);
  jump_watch_ = loop_.watch_readable(jumps_, [this] {
    std::uint64_t ignored = 0;
    if (::read(jumps_, &ignored, sizeof ignored) >= 0 || errno != ECANCELED) return;
    watch_own_clock();
    runtime::log_info("runner", "this host's clock was set");
    if (running_) check();
  });
}

void GuestClock::check() {
  pause_ = retry;
  begin();
}

void GuestClock::begin() {
  running_ = knows_clocks(guest_.peer());
  if (!running_) return;
  ++round_;
  samples_.clear();
  timer_.cancel();
  ask();
}

void GuestClock::stop() {
  running_ = false;
  ++round_;
  timer_.cancel();
}

void GuestClock::ask() {
  const Duration asked = wall_of(loop_);
  const Instant asked_at = loop_.now();
  guest_.request(wire::AskClock{}, answer_limit,
                 [this, asked, asked_at, round = round_, weak = std::weak_ptr(alive_)](const Result<wire::Reply>& reply) {
                   if (!weak.expired() && running_ && round == round_) answered(asked, asked_at, reply);
                 });
}

void GuestClock::answered(Duration asked, Instant asked_at, const Result<wire::Reply>& reply) {
  const Duration took = loop_.now() - asked_at;
  // This host's clock was set meanwhile: neither time is worth anything.
  const bool jumped = std::chrono::abs(wall_of(loop_) - asked - took) > decide::clock_tolerance * 5;
  if (!reply || !reply->ok || !reply->clock || jumped) return again_soon();
  samples_.push_back({asked, took, *reply->clock});
  samples_.size() < questions ? ask() : measured();
}

void GuestClock::measured() {
  const decide::ClockOffset offset = decide::best_offset(samples_);
  samples_.clear();
  if (callbacks_.measured) callbacks_.measured(offset);
  const bool right = decide::correct_clock(offset).means == decide::ClockMeans::none;
  if (offset.error > good_enough) {
    again_soon();
  } else {
    if (right) pause_ = retry;
    again(each);
  }
  if (right) return;
  wire::SetClock order;
  order.behind = offset.behind;
  order.error = offset.error;
  guest_.request(order, answer_limit, [this, round = round_, weak = std::weak_ptr(alive_)](const Result<wire::Reply>& reply) {
    if (weak.expired() || !running_ || round != round_) return;
    if (!reply || !reply->ok) {
      runtime::log_warning("runner", "the guest's clock could not be put right",
                           {{"why", reply ? reply->why : reply.error().message}});
      return again_soon();
    }
    if (!reply->why.empty()) runtime::log_info("runner", "the guest's clock", {{"how", reply->why}});
    again_soon();  // to see that it is right, and to say so in the metrics
    if (reply->told && callbacks_.corrected) callbacks_.corrected(reply->why, reply->told == wire::Told::warning);
  });
}

void GuestClock::again(Duration pause) {
  timer_ = loop_.after(pause, [this] { begin(); });
}

// Each time after twice as long: the guests of a host that is too busy to answer in time would keep it busy with questions.
void GuestClock::again_soon() {
  again(pause_);
  pause_ = std::min<Duration>(2 * pause_, each);
}

}  // namespace neonvm::daemon
