// DefaultPolicy: upstream's goal, number for number (autoscaling.md 2.2): the most compute units that the load average
// (rounded), the memory in use and the file cache's working set (both rounded up) ask for, times the compute unit.
//
// Keeps between calls the room of its texts and the knobs that it checked last, nothing that changes an answer.
// Threads: as ports/policy. Failure: invalid_argument for knobs that divide by nothing; figures that are missing, broken
// or older than a minute make the goal incomplete, each with its reason.
//
// Reasons: cpu.load1, memory.usage, memory.total, cache.working_set, too-few-windows, missing-metrics, goal.
#pragma once

#include "core/policy/reasons.hpp"
#include "core/ports/policy.hpp"
#include "plugins/policy-default/targets.hpp"

namespace neonvm::policy_default {

class DefaultPolicy final : public policy::InPlacePolicy {
 public:
  // explains: false leaves the reasons out, for who asks a hundred million times and shows them to nobody.
  explicit DefaultPolicy(bool explains = true) : explains_(explains) {}

  Status decide_into(const PolicyInput& input, Goal& goal) override;
  // Older ones are looked at only where the newest lacks a figure.
  [[nodiscard]] std::size_t samples_read() const override { return 1; }

 private:
  [[nodiscard]] bool knows(const PolicyInput& input) const {
    return targets_ && input.config_revision != 0 && input.config_revision == targets_of_.revision;
  }
  Status learn(const PolicyInput& input);   // its knobs, into targets_

  struct Knobs {
    ScalingConfig config;
    Resources unit;
    std::uint64_t revision = 0;        // as PolicyInput::config_revision
  };

  policy::Reasons reasons_;
  bool explains_;
  std::optional<Targets> targets_;     // of targets_of_
  Knobs targets_of_;
};

}  // namespace neonvm::policy_default
