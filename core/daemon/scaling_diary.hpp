// ScalingDiary: the last decisions about one VM, each with the stages of carrying it out, for `neonvm explain`.
//
// Used by VmScaler. Loop thread only. A decision is a wish that differs from the one before; stages are noted under the
// revision that the decision got. Holds `most` decisions, the oldest go.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "core/model/instant.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/explanation.hpp"

namespace neonvm::daemon {

class ScalingDiary {
 public:
  static constexpr std::size_t most = 50;

  explicit ScalingDiary(runtime::MetricsRegistry& metrics) : metrics_(metrics) {}

  // Fills in the number.
  void decided(wire::ExplainedDecision decision, Instant now);
  // A stage of the newest decision of this revision, or of the newest one if it has none yet.
  void reached(std::int64_t revision, const std::string& stage, const std::string& note, Instant now);
  // The newest decision got this revision.
  void revision_is(std::int64_t revision);

  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] const std::deque<wire::ExplainedDecision>& decisions() const { return decisions_; }

 private:
  runtime::MetricsRegistry& metrics_;
  std::uint64_t last_ = 0;
  std::deque<wire::ExplainedDecision> decisions_;
  std::map<std::uint64_t, Instant> began_;
};

}  // namespace neonvm::daemon
