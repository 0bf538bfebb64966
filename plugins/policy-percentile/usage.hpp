// Usage: what one VM has used, as two decaying histograms: CPU by time, memory by the peak of each interval.
//
// A sample counts once. The peak of an interval that still runs is in the histogram already, and is replaced as it rises.
// A kill for want of memory counts as a peak of a fifth, at least 100 MiB, more than what was in use. Kept per VM.
#pragma once

#include <optional>

#include "core/ports/policy.hpp"
#include "plugins/policy-percentile/decaying_histogram.hpp"
#include "plugins/policy-percentile/options.hpp"

namespace neonvm::policy_percentile {

class Usage {
 public:
  // Takes in what is new. A clock that went back begins anew.
  void take(const PolicyInput& input, const PercentileOptions& options);

  // How long it has been watched.
  [[nodiscard]] Duration watched() const { return watched_; }
  // A sample of the last minute told something.
  [[nodiscard]] bool fresh(Instant now) const;

  // CPUs, bytes; made with the first sample, for they need the half-life.
  std::optional<DecayingHistogram> cpu, memory;

 private:
  void take_memory(const GuestSample& sample, const PercentileOptions& options);

  bool any_ = false;
  Instant now_{}, seen_{}, told_{};
  bool told_any_ = false;
  Duration watched_{};
  std::optional<Instant> interval_;   // the beginning of the one that runs
  double peak_ = 0;
  Instant peak_at_{};
  std::optional<std::uint64_t> oom_kills_;
};

}  // namespace neonvm::policy_percentile
