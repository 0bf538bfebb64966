// ScalingDiary: the last decisions about one VM, each with the stages of carrying it out, for `neonvm explain` and Prometheus.
//
// Used by VmScaler. Loop thread only. A decision is a wish that differs from the one before; stages are noted under the
// revision that the decision got. Holds `most` decisions, the oldest go.
//
// A growth that is carried out tells its way up in one picture: how long each stage took by itself, from the guest's signal on:
// policy (signal to decision), permit, api (the size is in the VM's object), runner (has the order), qemu (the CPU slots and the
// memory's request stand), online (the guest has it). A stage that was not needed is left out.
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

  // Fills in the number. signal: when what it rests on was heard.
  void decided(wire::ExplainedDecision decision, Instant signal, Instant now);
  // A stage of the newest decision of this revision, or of the newest one if it has none yet.
  void reached(std::int64_t revision, const std::string& stage, const std::string& note, Instant now);
  // The newest decision got this revision.
  void revision_is(std::int64_t revision);
  // The newest decision of this revision; none: nullptr.
  [[nodiscard]] const wire::ExplainedDecision* of(std::int64_t revision) const;

  [[nodiscard]] std::uint64_t last() const { return last_; }
  [[nodiscard]] const std::deque<wire::ExplainedDecision>& decisions() const { return decisions_; }

 private:
  struct Began {
    Instant at{}, signal{};
    bool told = false;                     // its way is in the histograms
  };
  void tell_latency(const wire::ExplainedDecision& decision, const std::string& stage, Duration after);
  void tell_way_up(const wire::ExplainedDecision& decision, Began& began);

  runtime::MetricsRegistry& metrics_;
  std::uint64_t last_ = 0;
  std::deque<wire::ExplainedDecision> decisions_;
  std::map<std::uint64_t, Began> began_;
};

}  // namespace neonvm::daemon
