#include "core/runtime/timer_queue.hpp"

namespace neonvm::runtime {

std::shared_ptr<Timer::State> TimerQueue::add(Instant when, std::function<void()> task) {
  auto timer = std::make_shared<Timer::State>();
  timer->queue = weak_from_this();
  timer->when = when;
  timer->number = ++last_;
  timer->task = std::move(task);
  waiting_.emplace(Key{when, timer->number}, timer);
  return timer;
}

void TimerQueue::remove(Timer::State& timer) {
  if (!timer.pending) return;
  timer.pending = false;
  // What the task holds may cancel further timers as it dies, so it dies after the books are right.
  const std::function<void()> task = std::move(timer.task);
  timer.task = nullptr;
  waiting_.erase(Key{timer.when, timer.number});
}

std::optional<Instant> TimerQueue::next() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first.first;
}

void TimerQueue::fire(Instant now, const std::function<bool()>& proceed) {
  const Key last{now, last_};
  while (!waiting_.empty() && proceed()) {
    // A timer that a task adds for `now` has a higher number than `last`; one for an earlier moment is seen here.
    const auto first = waiting_.begin();
    if (first->first.first > now || first->first.second > last.second) return;
    const std::shared_ptr<Timer::State> timer = first->second;
    const std::function<void()> task = std::move(timer->task);
    timer->pending = false;
    waiting_.erase(first);
    task();
  }
}

void TimerQueue::clear() {
  while (!waiting_.empty()) remove(*std::shared_ptr(waiting_.begin()->second));
}

Timer::Timer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  state_ = std::move(other.state_);
  return *this;
}

Timer::~Timer() { cancel(); }

void Timer::cancel() {
  const std::shared_ptr<State> state = std::move(state_);
  if (!state) return;
  if (const auto queue = state->queue.lock()) queue->remove(*state);
}

bool Timer::pending() const { return state_ && state_->pending && !state_->queue.expired(); }

}  // namespace neonvm::runtime
