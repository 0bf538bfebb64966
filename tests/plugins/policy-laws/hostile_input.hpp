// Questions that no host should ask: any number in any field, clocks that jump, bounds that contradict each other.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/ports/policy.hpp"

namespace neonvm::test {

// Owns what a PolicyInput points to.
struct Question {
  std::vector<GuestSample> samples;
  ScalingConfig config;
  PolicyInput input;
};

class HostileHost {
 public:
  explicit HostileHost(std::uint64_t seed) : random_(seed) {}

  // The next one. Mostly a moment later than the one before, sometimes anywhere in time.
  Question next();

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  double any_number();
  Bytes any_bytes();
  Resources any_size();
  Instant any_time();
  GuestSample any_sample();
  GuestSample likely_sample();
  ScalingConfig any_config();

  std::mt19937_64 random_;
  Instant now_{std::chrono::hours(2)};
  std::int64_t wall_ = 1704067200;
};

}  // namespace neonvm::test
