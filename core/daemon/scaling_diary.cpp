#include "core/daemon/scaling_diary.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/daemon/agent_metrics.hpp"
#include "core/daemon/metric_families.hpp"

namespace neonvm::daemon {

namespace {

// As they stand in an explanation, and as the histogram calls what leads to them.
constexpr std::array<std::pair<const char*, const char*>, 5> way{
    {{"permit", "permit"}, {"written", "api"}, {"runner", "runner"}, {"qemu", "qemu"}, {"applied", "online"}}};

}  // namespace

void ScalingDiary::decided(wire::ExplainedDecision decision, Instant signal, Instant now) {
  decision.number = ++last_;
  began_[decision.number] = {now, std::min(signal, now), false};
  decisions_.push_back(std::move(decision));
  while (decisions_.size() > most) {
    began_.erase(decisions_.front().number);
    decisions_.pop_front();
  }
}

void ScalingDiary::revision_is(std::int64_t revision) {
  if (!decisions_.empty() && decisions_.back().revision == 0) decisions_.back().revision = revision;
}

const wire::ExplainedDecision* ScalingDiary::of(std::int64_t revision) const {
  const auto same = std::find_if(decisions_.rbegin(), decisions_.rend(), [revision](const wire::ExplainedDecision& d) {
    return d.revision == revision;
  });
  return same == decisions_.rend() ? nullptr : &*same;
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
  Began& began = began_[decision.number];
  const Duration after = now - began.at;
  decision.stages.push_back({stage, note, after});
  metrics_.histogram(families::stage_seconds, {stage}).observe(seconds(after));
  tell_latency(decision, stage, after);
  if (stage == "applied") tell_way_up(decision, began);
}

void ScalingDiary::tell_latency(const wire::ExplainedDecision& decision, const std::string& stage, Duration after) {
  const runtime::MetricFamily* family = stage == "permit"                                    ? &families::up_plugin_latency
                                        : stage == "guest agrees" || stage == "guest refuses" ? &families::up_monitor_latency
                                        : stage == "written"                                  ? &families::up_neonvm_latency
                                        : stage == "applied"                                  ? &families::up_scaling_latency
                                                                                              : nullptr;
  if (family != nullptr) metrics_.histogram(*family, {direction_of(decision.asked, decision.wish)}).observe(seconds(after));
}

// Only whole ways, each once: the stages of a growth that was overtaken by another say nothing of how long one takes.
void ScalingDiary::tell_way_up(const wire::ExplainedDecision& decision, Began& began) {
  const bool grows = fits_in(decision.asked, decision.wish) && decision.asked != decision.wish;
  const auto after_of = [&decision](const char* name) {
    return std::find_if(decision.stages.begin(), decision.stages.end(), [name](const wire::ExplainedStage& s) { return s.name == name; });
  };
  if (!grows || after_of("written") == decision.stages.end() || std::exchange(began.told, true)) return;
  const Duration policy = began.at - began.signal;
  metrics_.histogram(families::way_up_stage_seconds, {"policy"}).observe(seconds(policy));
  Duration before{};
  for (const auto& [name, stage] : way) {
    const auto found = after_of(name);
    if (found == decision.stages.end()) continue;
    metrics_.histogram(families::way_up_stage_seconds, {stage}).observe(seconds(std::max(found->after - before, Duration::zero())));
    before = std::max(before, found->after);
  }
  metrics_.histogram(families::way_up_seconds).observe(seconds(policy + before));
}

}  // namespace neonvm::daemon
