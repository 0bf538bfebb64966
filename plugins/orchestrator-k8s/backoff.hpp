// Backoff: how long to leave a server alone after so many failures: 100 ms, doubling, at most 5 s, half of it by chance
// so that many watchers do not come back together. Pure but for its seed.
#pragma once

#include <algorithm>
#include <random>

#include "core/model/instant.hpp"

namespace neonvm::k8s {

inline Instant now() { return std::chrono::steady_clock::now(); }

class Backoff {
 public:
  explicit Backoff(std::uint32_t seed) : random_(seed) {}
  Duration next() {
    const Duration whole = std::min<Duration>(std::chrono::milliseconds(100) * (1 << std::min(failures_++, 6)), longest);
    std::uniform_int_distribution<Duration::rep> chance(whole.count() / 2, whole.count());
    return Duration(chance(random_));
  }
  void reset() { failures_ = 0; }
  [[nodiscard]] int failures() const { return failures_; }

  static constexpr Duration longest = std::chrono::seconds(5);

 private:
  std::minstd_rand random_;
  int failures_ = 0;
};

}  // namespace neonvm::k8s
