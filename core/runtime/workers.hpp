// Workers: the threads behind Loop::off_loop; and of their own for calls that must not stand in its queue.
//
// Threads: add() from any. A thread is started when there is work and none is idle, at most `most`. The destructor
// drops what has not begun and waits for what has.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace neonvm::runtime {

class Workers {
 public:
  explicit Workers(unsigned most) : most_(most == 0 ? 1 : most) {}
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void add(std::function<void()> work);
  // Ends them; add() is nothing afterwards.
  void finish();

 private:
  void serve();

  const unsigned most_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool finished_ = false;
};

}  // namespace neonvm::runtime
