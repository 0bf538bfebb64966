// What a Loop is made of. Private to the runtime: the only header, besides stream.hpp, that shows Asio.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "core/runtime/loop.hpp"
#include "core/runtime/timer_queue.hpp"
#include "core/runtime/workers.hpp"

namespace neonvm::runtime {

namespace asio = boost::asio;

class FdSource;

struct Loop::Impl {
  Impl(Clock& with, unsigned most_workers);
  ~Impl();

  // Makes the kernel wake us for the first timer, unless it does so early enough already.
  void arm();
  void fire();

  // What holds sockets is told before the loop goes, because they must not outlive its reactor.
  std::uint64_t at_end(std::function<void()> task);
  void forget_end(std::uint64_t id) { ends.erase(id); }
  void end();

  Clock& clock;
  std::shared_ptr<TimerQueue> timers = std::make_shared<TimerQueue>();
  std::map<int, std::weak_ptr<FdSource>> sources;
  asio::io_context io{1};
  // Without it the io_context would stop by itself whenever nothing waits.
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::steady_timer alarm{io};
  std::optional<Instant> alarm_at;
  std::list<asio::signal_set> signals;
  std::map<std::uint64_t, std::function<void()>> ends;
  std::uint64_t last_end = 0;
  std::atomic<std::thread::id> runner{};
  std::atomic<int> exit_code{0};
  Workers workers;
};

// One descriptor in the reactor, shared by all who watch that fd.
class FdSource {
 public:
  using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  FdSource(Loop::Impl& impl, int fd);
  ~FdSource();
  FdSource(const FdSource&) = delete;
  FdSource& operator=(const FdSource&) = delete;

  // The loop ends before its watchers do.
  void detach();
  void wait(Descriptor::wait_type what, const std::shared_ptr<FdWatch::State>& watch);
  // One of the watchers left: its wait must not stay in the reactor's queue, where it would swallow an event.
  void rearm_others();

 private:
  Loop::Impl* impl_;
  int fd_;
  std::optional<Descriptor> descriptor_;
};

struct FdWatch::State : std::enable_shared_from_this<FdWatch::State> {
  std::shared_ptr<FdSource> source;
  FdSource::Descriptor::wait_type what{};
  std::function<void()> task;

  void wait() { source->wait(what, shared_from_this()); }
  void ready();
};

}  // namespace neonvm::runtime
