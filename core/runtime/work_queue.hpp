// WorkQueue: keys to be worked on, each at most once at a time, deduplicated, with capped backoff after failures.
//
// Loop thread only. add() of a key that waits is nothing; of one being worked on, it runs once more afterwards. The
// work answers by its `done`: success forgets the failures, retry() comes back after a doubling delay (first .. cap),
// again(d) after exactly d. add() during a backoff brings the key forward at once: an event beats a timer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/runtime/loop.hpp"

namespace neonvm::runtime {

struct WorkOutcome {
  enum class Kind { success, retry, again } kind = Kind::success;
  Duration delay{};
  bool conflict = false;           // of again: somebody else wrote meanwhile
  static WorkOutcome success() { return {}; }
  static WorkOutcome retry() { return {Kind::retry, {}, false}; }
  static WorkOutcome again(Duration d) { return {Kind::again, d, false}; }
  static WorkOutcome conflicted() { return {Kind::again, {}, true}; }
};

struct WorkQueueOptions {
  unsigned parallel = 16;                                  // keys worked on at the same time
  Duration first_delay = std::chrono::milliseconds(100);
  Duration max_delay = std::chrono::seconds(5);
};

class WorkQueue {
 public:
  using Work = std::function<void(const std::string& key, std::function<void(WorkOutcome)> done)>;
  WorkQueue(Loop& loop, Work work, WorkQueueOptions options = {});
  ~WorkQueue();
  void add(const std::string& key);
  void forget(const std::string& key);      // no more runs, unless added again
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
