// TimerQueue: timers in the order in which they fire: by their moment, then by age.
//
// Private to the runtime; loop thread only. Shared, so that a Timer that outlives its loop cancels into nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "core/runtime/loop.hpp"

namespace neonvm::runtime {

class TimerQueue : public std::enable_shared_from_this<TimerQueue> {
 public:
  std::shared_ptr<Timer::State> add(Instant when, std::function<void()> task);
  void remove(Timer::State& timer);
  [[nodiscard]] std::optional<Instant> next() const;
  // Runs what was due at `now` when this was called; timers that the tasks add wait for the next call. Ends early when
  // `proceed` says no.
  void fire(Instant now, const std::function<bool()>& proceed);
  void clear();

 private:
  using Key = std::pair<Instant, std::uint64_t>;
  std::map<Key, std::shared_ptr<Timer::State>> waiting_;
  std::uint64_t last_ = 0;
};

struct Timer::State {
  std::weak_ptr<TimerQueue> queue;
  Instant when{};
  std::uint64_t number = 0;
  std::function<void()> task;
  bool pending = true;
};

}  // namespace neonvm::runtime
