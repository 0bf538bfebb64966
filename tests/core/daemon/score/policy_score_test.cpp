#include "core/daemon/policy_score.hpp"

#include "core/daemon/scaling_diary.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

constexpr Resources most{MilliCpu{4000}, Bytes{4 * gib}};

GuestSample at(Duration when, double used, double runnable, Bytes in_use) {
  GuestSample sample;
  sample.at = Instant(when);
  sample.cpu_used = used;
  sample.runnable = runnable;
  sample.memory_total = Bytes{4 * gib};
  sample.memory_available = sample.memory_total - in_use;
  return sample;
}

wire::ExplainedShadow told(const daemon::PolicyScore& score) {
  wire::ExplainedShadow into;
  score.fill(into);
  return into;
}

}  // namespace

TEST_CASE("a wish counts for the time until the next one, and is short when the guest needed more") {
  daemon::PolicyScore score;
  score.observed(at(0s, 1, 1, Bytes{gib}), most);
  score.wished({MilliCpu{1000}, Bytes{2 * gib}});
  score.observed(at(10s, 1, 1, Bytes{gib}), most);       // as wished
  score.observed(at(20s, 1, 3, Bytes{gib}), most);       // three tasks want to run on one CPU
  score.wished({MilliCpu{3000}, Bytes{2 * gib}});
  score.observed(at(30s, 3, 9, Bytes{3 * gib}), most);   // nine tasks on at most four CPUs, and memory short
  const auto t = told(score);
  CHECK(t.seconds == Approx(30));
  CHECK(t.mean_cpus == Approx((1 * 20 + 3 * 10) / 30.0));
  CHECK(t.short_cpu_seconds == Approx(20));
  CHECK(t.short_memory_seconds == Approx(10));
  CHECK(t.wish == Resources{MilliCpu{3000}, Bytes{2 * gib}});
}

TEST_CASE("turns are changes of direction, and a long pause counts for nothing") {
  daemon::PolicyScore score;
  score.observed(at(0s, 0, 0, Bytes{}), most);
  for (const unsigned milli : {1000U, 2000U, 3000U, 1000U, 500U, 2000U}) score.wished({MilliCpu{milli}, Bytes{gib}});
  CHECK(told(score).turns == 2);
  score.observed(at(60s, 4, 4, Bytes{}), most);
  CHECK(told(score).seconds == 0);
  CHECK(told(score).short_cpu_seconds == 0);
}

TEST_CASE("the diary keeps the last decisions and the stages of each") {
  runtime::MetricsRegistry metrics;
  daemon::ScalingDiary diary(metrics);
  const Instant began{};
  for (std::int64_t i = 1; i <= 60; ++i) {
    wire::ExplainedDecision decision;
    decision.wish.cpu = MilliCpu{static_cast<std::uint32_t>(i)};
    diary.decided(decision, began, began);
    diary.revision_is(i);
  }
  CHECK(diary.last() == 60);
  CHECK(diary.decisions().size() == daemon::ScalingDiary::most);
  diary.reached(59, "applied", "2 CPU", began + 40ms);
  diary.reached(59, "applied", "2 CPU", began + 90ms);   // told again
  diary.reached(60, "permit", "", began + 5ms);
  const auto& last = diary.decisions();
  REQUIRE(last[last.size() - 2].stages.size() == 1);
  CHECK(last[last.size() - 2].stages[0].after == 40ms);
  CHECK(last.back().stages[0].name == "permit");
  CHECK(metrics.text().find("neonvm_scaling_stage_seconds_count{stage=\"applied\"} 1") != std::string::npos);
}
