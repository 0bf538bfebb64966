#include "core/runtime/loop.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <future>

#include "core/runtime/loop_impl.hpp"

namespace neonvm::runtime {

// run_until() asks so often although no callback ran: what it waits for may be another thread's or process's doing.
constexpr Duration ask_again = std::chrono::milliseconds(10);

Loop::Impl::Impl(Clock& with, unsigned most_workers) : clock(with), workers(most_workers) {}

Loop::Impl::~Impl() = default;

std::uint64_t Loop::Impl::at_end(std::function<void()> task) {
  ends.emplace(++last_end, std::move(task));
  return last_end;
}

void Loop::Impl::end() {
  workers.finish();
  while (!ends.empty()) {
    const std::function<void()> task = std::move(ends.begin()->second);
    ends.erase(ends.begin());
    task();
  }
  // What others still hold must no longer reach into the reactor.
  timers->clear();
  while (!sources.empty()) {
    const auto source = sources.begin()->second.lock();
    if (source) source->detach();
    else sources.erase(sources.begin());
  }
}

void Loop::Impl::arm() {
  if (!clock.ticks()) return;
  const std::optional<Instant> next = timers->next();
  if (!next || (alarm_at && *alarm_at <= *next)) return;
  alarm_at = next;
  alarm.expires_at(*next);
  alarm.async_wait([this](boost::system::error_code error) {
    if (error) return;
    alarm_at.reset();
    fire();
  });
}

void Loop::Impl::fire() {
  timers->fire(clock.now(), [this] { return !io.stopped(); });
  arm();
}

Loop::Loop(unsigned workers) : Loop(system_clock(), workers) {}

Loop::Loop(Clock& clock, unsigned workers) : impl_(std::make_unique<Impl>(clock, workers)) { clock.attach(*this); }

Loop::~Loop() {
  impl_->clock.detach(*this);
  impl_->end();
}

int Loop::run() {
  assert(impl_->runner.load() == std::thread::id());
  impl_->runner = std::this_thread::get_id();
  impl_->io.run();
  impl_->runner = std::thread::id();
  return impl_->exit_code;
}

bool Loop::run_until(const std::function<bool()>& done, Duration limit) {
  const Instant end = std::chrono::steady_clock::now() + limit;
  impl_->runner = std::this_thread::get_id();
  bool holds = done();
  while (!holds && !impl_->io.stopped()) {
    const Instant now = std::chrono::steady_clock::now();
    if (now >= end) break;
    impl_->io.run_one_until(std::min(end, now + ask_again));
    holds = done();
  }
  impl_->runner = std::thread::id();
  return holds;
}

void Loop::stop(int exit_code) {
  impl_->exit_code = exit_code;
  impl_->io.stop();
}

void Loop::post(std::function<void()> task) { asio::post(impl_->io, std::move(task)); }

Timer Loop::after(Duration delay, std::function<void()> task) { return at(now() + delay, std::move(task)); }

Timer Loop::at(Instant when, std::function<void()> task) {
  Timer timer(impl_->timers->add(when, std::move(task)));
  impl_->arm();
  return timer;
}

namespace {

void await_signal(asio::signal_set& set, const std::shared_ptr<std::function<void(int)>>& task) {
  set.async_wait([&set, task](boost::system::error_code error, int signal) {
    if (error) return;
    await_signal(set, task);
    (*task)(signal);
  });
}

}  // namespace

void Loop::on_signals(std::vector<int> signals, std::function<void(int)> task) {
  asio::signal_set& set = impl_->signals.emplace_back(impl_->io);
  for (const int signal : signals) set.add(signal);
  await_signal(set, std::make_shared<std::function<void(int)>>(std::move(task)));
}

void Loop::run_off_loop(std::function<void()> work) { impl_->workers.add(std::move(work)); }

Instant Loop::now() const { return impl_->clock.now(); }

WallTime Loop::wall() const { return impl_->clock.wall(); }

bool Loop::inside() const { return impl_->runner.load() == std::this_thread::get_id(); }

std::optional<Instant> Loop::turned() {
  Impl& impl = *impl_;
  if (impl.io.stopped()) return std::nullopt;
  if (inside()) {
    post([&impl] { impl.fire(); });
    return std::nullopt;
  }
  if (impl.runner.load() == std::thread::id()) {
    impl.runner = std::this_thread::get_id();
    impl.io.poll();
    impl.fire();
    impl.io.poll();
    impl.runner = std::thread::id();
    return impl.io.stopped() ? std::nullopt : impl.timers->next();
  }
  auto answer = std::make_shared<std::promise<std::optional<Instant>>>();
  post([&impl, answer] {
    impl.fire();
    // Behind everything that the timers have posted.
    asio::post(impl.io, [&impl, answer] { answer->set_value(impl.timers->next()); });
  });
  std::future<std::optional<Instant>> next = answer->get_future();
  while (next.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    if (impl.io.stopped()) return std::nullopt;
  }
  return next.get();
}

}  // namespace neonvm::runtime
