// Bell: tells every process that holds the same home that something was written.
//
// Called by the store after each commit, and by watches to wait. It is a counter a topic in a small file that all map,
// and a futex on it: a ring costs about a microsecond, touches no disk, and wakes a waiter of any process on this
// machine. Threads: any. A ring between round() and wait() is never missed. Lifetime: waiters end before the Bell.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::local {

class Bell {
 public:
  enum class Topic : unsigned { virtual_machine, migration, node, runner, events, leases };

  static Result<std::unique_ptr<Bell>> open(const std::string& path);
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  static Topic topic_of(Kind kind);
  void ring(Topic topic);
  [[nodiscard]] std::uint32_t round(Topic topic) const;
  // Returns when the topic has rung since `seen` was read, at the deadline, or for no reason.
  void wait(Topic topic, std::uint32_t seen, Deadline deadline) const;

 private:
  explicit Bell(std::atomic<std::uint32_t>* counters) : counters_(counters) {}
  std::atomic<std::uint32_t>* counters_;
};

}  // namespace neonvm::local
