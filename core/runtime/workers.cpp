#include "core/runtime/workers.hpp"

#include <csignal>
#include <system_error>
#include <utility>

namespace neonvm::runtime {

namespace {

// Signals are for the loop's thread: a worker that took one would only delay it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Workers::~Workers() { finish(); }

void Workers::add(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  queue_.push_back(std::move(work));
  came_.notify_one();
  if (idle_ >= queue_.size() || threads_.size() >= most_) return;
  const SignalsBlocked blocked;
  try {
    threads_.emplace_back([this] { serve(); });
  } catch (const std::system_error&) {
    // No more threads to be had: those that run take it in turn. With none at all there is nothing to go on with.
    if (threads_.empty()) throw;
  }
}

void Workers::finish() {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
    dropped.swap(queue_);
    came_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Workers::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    came_.wait(lock, [this] { return finished_ || !queue_.empty(); });
    --idle_;
    if (finished_) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace neonvm::runtime
