// Loop: one thread that runs everything of a daemon, a few workers for calls that block, timers, signals, children.
//
// Called by daemon, guest and cli. Threads: run() is called once; all callbacks run on that thread, so daemons need no
// locks; post() and stop() may be called from any thread. A callback must not block. Shutdown: stop() ends run() after
// the current callback; the destructor waits for workers and drops what was never run, unrun. Clock: now() is the only
// clock that daemons read, so that tests can turn it by hand (ManualClock).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model/instant.hpp"
#include "core/runtime/clock.hpp"

namespace neonvm::runtime {

// Cancels on destruction or cancel(); afterwards the callback does not run. Move-only. Loop thread only.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();
  void cancel();
  [[nodiscard]] bool pending() const;

 private:
  friend class Loop;
  friend class TimerQueue;
  struct State;
  explicit Timer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Watching an fd ends on destruction; the fd itself stays the caller's, who destroys the watch before closing it.
// An fd that cannot be watched, such as a file, is always ready, as for poll(2). Loop thread only.
class FdWatch {
 public:
  FdWatch() = default;
  FdWatch(FdWatch&&) noexcept;
  FdWatch& operator=(FdWatch&&) noexcept;
  ~FdWatch();

 private:
  friend class Loop;
  friend class FdSource;
  struct State;
  explicit FdWatch(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class Loop {
 public:
  // workers: threads for off_loop, started when first needed, at most so many.
  explicit Loop(unsigned workers = 4);
  // The clock outlives the loop.
  explicit Loop(Clock& clock, unsigned workers = 4);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns the code given to stop().
  int run();
  void stop(int exit_code = 0);
  // Runs the loop on the calling thread, instead of run(), until done() holds, which is asked after each callback and every 10 ms.
  // false: it did not within `limit` of real time, or stop() was called. For tests, and for commands that wait for one thing.
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::seconds(10));

  void post(std::function<void()> task);
  [[nodiscard]] Timer after(Duration delay, std::function<void()> task);
  [[nodiscard]] Timer at(Instant when, std::function<void()> task);
  // The task runs whenever one of the signals arrives, on the loop's thread.
  void on_signals(std::vector<int> signals, std::function<void(int)> task);
  // Level-triggered, until destroyed. priority: for POLLPRI (PSI triggers) instead of POLLIN.
  // Several watches of one fd are fine.
  [[nodiscard]] FdWatch watch_readable(int fd, std::function<void()> task);
  [[nodiscard]] FdWatch watch_writable(int fd, std::function<void()> task);
  [[nodiscard]] FdWatch watch_priority(int fd, std::function<void()> task);

  // Runs `work` on a worker, then `done` with its result on the loop. `done` is dropped if the loop ends before.
  template <typename Work, typename Done>
  void off_loop(Work work, Done done) {
    run_off_loop([this, work = std::move(work), done = std::move(done)]() mutable {
      auto result = std::make_shared<decltype(work())>(work());
      post([result, done = std::move(done)]() mutable { done(std::move(*result)); });
    });
  }

  [[nodiscard]] Instant now() const;
  [[nodiscard]] WallTime wall() const;

  // For http and channel, which are implemented with the same library; not for other rooms.
  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  friend class ManualClock;
  // Fires what is due by a clock that was turned, runs what is ready and returns when the next timer is due.
  std::optional<Instant> turned();
  // The calling thread is in one of the loop's callbacks.
  [[nodiscard]] bool inside() const;

  enum class WatchKind { readable, writable, priority };
  FdWatch watch(int fd, WatchKind kind, std::function<void()> task);
  void run_off_loop(std::function<void()> work);
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
