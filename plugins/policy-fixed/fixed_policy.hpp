// FixedPolicy: always the same size, whatever the guest does: a rival to measure others against, and a brake by hand.
//
// Options: at=now|min|max (now: what the VM has), and over it cpus=N, memory=SIZE. Keeps nothing between calls.
// Failure: none while deciding. The wish is in the bounds. Reasons: fixed; limits that bit: fixed.bounds.
#pragma once

#include <memory>
#include <optional>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"

namespace neonvm::policy_fixed {

struct FixedOptions {
  enum class At : int { now, min, max };
  At at = At::now;
  std::optional<MilliCpu> cpus;
  std::optional<Bytes> memory;
};

Result<FixedOptions> read_options(const std::map<std::string, std::string>& settings);

class FixedPolicy final : public policy::InPlacePolicy {
 public:
  explicit FixedPolicy(FixedOptions options) : options_(options) {}
  static Result<std::unique_ptr<FixedPolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  FixedOptions options_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_fixed
