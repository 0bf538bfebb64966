#include "core/daemon/scaling_diary.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::daemon {

void ScalingDiary::decided(wire::ExplainedDecision decision, Instant now) {
  decision.number = ++last_;
  began_[decision.number] = now;
  decisions_.push_back(std::move(decision));
  while (decisions_.size() > most) {
    began_.erase(decisions_.front().number);
    decisions_.pop_front();
  }
}

void ScalingDiary::revision_is(std::int64_t revision) {
  if (!decisions_.empty() && decisions_.back().revision == 0) decisions_.back().revision = revision;
}

void ScalingDiary::reached(std::int64_t revision, const std::string& stage, const std::string& note, Instant now) {
  if (decisions_.empty()) return;
  const auto same = std::find_if(decisions_.rbegin(), decisions_.rend(), [revision](const wire::ExplainedDecision& d) {
    return d.revision == revision;
  });
  wire::ExplainedDecision& decision = same == decisions_.rend() ? decisions_.back() : *same;
  const bool doubled = std::any_of(decision.stages.begin(), decision.stages.end(), [&](const wire::ExplainedStage& s) {
    return s.name == stage && s.note == note;
  });
  if (doubled) return;
  const Duration after = now - began_[decision.number];
  decision.stages.push_back({stage, note, after});
  metrics_.histogram("neonvm_scaling_stage_seconds", "Time from a decision to each stage of carrying it out",
                     {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15}, {{"stage", stage}})
      .observe(seconds(after));
}

}  // namespace neonvm::daemon
