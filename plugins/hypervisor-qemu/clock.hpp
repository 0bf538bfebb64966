// Waiting with a Deadline, for condition variables and poll(2).
//
// A Deadline may be "for ever" (Instant::max()); the C library's waits may not, so they are cut into hours.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "core/model/instant.hpp"

namespace neonvm::qemu {

inline Instant clock_now() { return std::chrono::steady_clock::now(); }

// The earlier of `deadline` and `most` from now.
inline Deadline sooner(Deadline deadline, Duration most) { return std::min(deadline, clock_now() + most); }

// Milliseconds for poll(2), rounded up, so that it never wakes just before the deadline again and again.
inline int poll_timeout(Deadline deadline) {
  const Duration left = std::clamp<Duration>(deadline - clock_now(), Duration::zero(), std::chrono::hours(1));
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

template <typename Done>
bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, Deadline deadline, Done done) {
  while (!done()) {
    if (clock_now() >= deadline) return false;
    changed.wait_until(lock, sooner(deadline, std::chrono::hours(1)));
  }
  return true;
}

}  // namespace neonvm::qemu
