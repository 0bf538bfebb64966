// What the controller and the agent write down for Prometheus: of whom it counts, and of whom not.
#include "core/daemon/agent_metrics.hpp"
#include "core/daemon/failing_objects.hpp"
#include "core/daemon/life_record.hpp"
#include "core/daemon/scaling_diary.hpp"
#include "core/daemon/vm_metrics.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::daemon;
using namespace std::chrono_literals;

namespace {

// The value of the line that begins so; -1: there is none.
double told(const runtime::MetricsRegistry& metrics, const std::string& series) {
  const std::string text = "\n" + metrics.text();
  const auto at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

WallTime second(int n) { return WallTime{} + std::chrono::hours(24) + std::chrono::seconds(n); }

struct Story {
  runtime::MetricsRegistry metrics;
  LifeRecord record{metrics};
  Object vm;
  VmStatus status;

  Story() {
    vm.name = "web";
    vm.uid = "u1";
    vm.created = second(0);
  }
  void seen(Phase phase, const std::string& runner, int at) {
    status.phase = phase;
    status.runner = runner;
    record.vm_seen(vm, status, false, second(at));
  }
  void runner(const std::string& name, int made) {
    Object object;
    object.kind = Kind::runner;
    object.name = name;
    object.owner_uid = vm.uid;
    object.created = second(made);
    RunnerSpec spec;
    spec.vm = vm.name;
    spec.vm_uid = vm.uid;
    object.spec = wire::encode(spec);
    record.runner_seen(object);
  }
};

constexpr const char* whole = "vm_creation_to_vm_running_duration_seconds";
constexpr const char* runner_to_run = "vm_runner_creation_to_vm_running_duration_seconds";

}  // namespace

TEST_CASE("a VM's start is timed once, a restart only from its runner") {
  Story story;
  story.seen(Phase::none, "", 0);
  story.seen(Phase::pending, "web-a", 1);
  story.runner("web-a", 2);
  story.seen(Phase::running, "web-a", 7);
  CHECK(told(story.metrics, std::string(whole) + "_sum") == 7);
  CHECK(told(story.metrics, std::string(runner_to_run) + "_sum") == 5);
  CHECK(told(story.metrics, "vm_creation_to_runner_creation_duration_seconds_sum") == 2);
  story.seen(Phase::scaling, "web-a", 8);
  story.seen(Phase::running, "web-a", 9);
  CHECK(told(story.metrics, std::string(whole) + "_count") == 1);
  story.status.restarts = 2;
  story.seen(Phase::pending, "web-b", 20);
  story.runner("web-b", 21);
  story.seen(Phase::running, "web-b", 24);
  CHECK(told(story.metrics, std::string(whole) + "_count") == 1);
  CHECK(told(story.metrics, std::string(runner_to_run) + "_sum") == 8);
  CHECK(told(story.metrics, "vm_restarts_count") == 2);
}

TEST_CASE("a VM that is resized as soon as it runs has started then") {
  Story story;
  story.seen(Phase::none, "", 0);
  story.seen(Phase::pending, "web-a", 1);
  story.runner("web-a", 2);
  story.seen(Phase::scaling, "web-a", 5);
  story.seen(Phase::running, "web-a", 9);
  CHECK(told(story.metrics, std::string(whole) + "_sum") == 5);
  CHECK(told(story.metrics, std::string(runner_to_run) + "_count") == 1);
}

TEST_CASE("a controller that starts again counts nothing of what was there") {
  Story story;
  story.status.restarts = 4;
  story.seen(Phase::running, "web-a", 100);
  story.runner("web-a", 2);
  story.seen(Phase::running, "web-a", 101);
  CHECK(told(story.metrics, std::string(whole) + "_count") == 0);
  CHECK(told(story.metrics, std::string(runner_to_run) + "_count") == 0);
  CHECK(told(story.metrics, "vm_restarts_count") == 0);
  // Another VM of that name is another life.
  story.record.vm_seen(story.vm, story.status, true, second(102));
  story.vm.uid = "u2";
  story.vm.created = second(103);
  story.status = {};
  story.seen(Phase::none, "", 103);
  story.seen(Phase::running, "web-c", 110);
  CHECK(told(story.metrics, std::string(whole) + "_sum") == 7);
}

TEST_CASE("migrations count when they end, and once") {
  runtime::MetricsRegistry metrics;
  LifeRecord record(metrics);
  Object move;
  move.kind = Kind::migration;
  move.name = "m";
  MigrationStatus status;
  const auto seen = [&](MigrationPhase phase) {
    status.phase = phase;
    move.status = wire::encode(status);
    record.migration_seen(move, false);
  };
  seen(MigrationPhase::pending);
  status.started = second(1);
  seen(MigrationPhase::running);
  status.ended = second(4);
  status.progress.downtime = 250ms;
  seen(MigrationPhase::succeeded);
  seen(MigrationPhase::succeeded);
  CHECK(told(metrics, "neonvm_migrations_total{outcome=\"succeeded\"}") == 1);
  CHECK(told(metrics, "neonvm_migration_duration_seconds_sum{outcome=\"succeeded\"}") == 3);
  CHECK(told(metrics, "neonvm_migration_downtime_seconds_sum") == 0.25);
  // One that was over before anybody looked.
  move.name = "old";
  seen(MigrationPhase::failed);
  CHECK(told(metrics, "neonvm_migrations_total{outcome=\"failed\"}") == 0);
}

TEST_CASE("an object fails once it has failed for a minute") {
  using Outcome = FailingObjects::Outcome;
  FailingObjects failing(1min);
  const Instant start{};
  failing.passed("a", Outcome::failure, start);
  failing.passed("b", Outcome::conflict, start);
  CHECK(failing.count(start + 59s) == std::map<std::string, std::size_t>{{"failure", 0}, {"conflict", 0}});
  failing.passed("a", Outcome::failure, start + 59s);
  CHECK(failing.count(start + 60s) == std::map<std::string, std::size_t>{{"failure", 1}, {"conflict", 1}});
  failing.passed("a", Outcome::success, start + 61s);
  failing.passed("b", Outcome::failure, start + 61s);
  CHECK(failing.count(start + 62s) == std::map<std::string, std::size_t>{{"failure", 0}, {"conflict", 0}});
}

TEST_CASE("the way up, stage by stage; only what was carried out counts") {
  runtime::MetricsRegistry metrics;
  ScalingDiary diary(metrics);
  const Instant start = Instant{} + 1h;
  wire::ExplainedDecision grow;
  grow.asked = {{1000}, {1 * gib}};
  grow.wish = {{3000}, {2 * gib}};
  diary.decided(grow, start - 10ms, start);
  diary.reached(0, "permit", "", start + 5ms);
  diary.revision_is(7);
  diary.reached(7, "written", "", start + 25ms);
  diary.reached(7, "runner", "", start + 40ms);
  diary.reached(7, "qemu", "", start + 90ms);
  CHECK(told(metrics, "neonvm_scale_up_seconds_count") == -1);
  diary.reached(7, "applied", "3 CPU, 2Gi", start + 190ms);
  diary.reached(7, "applied", "again", start + 290ms);
  const auto stage = [&](const char* name) { return told(metrics, std::string("neonvm_scale_up_stage_seconds_sum{stage=\"") + name + "\"}"); };
  CHECK(stage("policy") == Approx(0.010));
  CHECK(stage("permit") == Approx(0.005));
  CHECK(stage("api") == Approx(0.020));
  CHECK(stage("runner") == Approx(0.015));
  CHECK(stage("qemu") == Approx(0.050));
  CHECK(stage("online") == Approx(0.100));
  CHECK(told(metrics, "neonvm_scale_up_seconds_sum") == Approx(0.2));
  CHECK(told(metrics, "neonvm_scale_up_seconds_count") == 1);
  CHECK(told(metrics, "autoscaling_agent_plugin_latency_seconds_sum{direction=\"inc\"}") == Approx(0.005));
  // A shrink has no way up.
  std::swap(grow.asked, grow.wish);
  diary.decided(grow, start + 1s, start + 1s);
  diary.revision_is(8);
  diary.reached(8, "written", "", start + 1010ms);
  diary.reached(8, "applied", "", start + 1020ms);
  CHECK(told(metrics, "neonvm_scale_up_seconds_count") == 1);
  CHECK(told(metrics, "autoscaling_agent_scaling_latency_seconds_sum{direction=\"dec\"}") == Approx(0.02));
}

TEST_CASE("permits: denied, in part, whole") {
  runtime::MetricsRegistry metrics;
  const AgentMetrics counts(metrics);
  counts.prepare();
  decide::AskPermit deed;
  deed.wanted = {{3000}, {3 * gib}};
  const auto answered = [&](Resources permit) {
    counts.permit_asked(deed);
    counts.permit_answered(deed, &permit, Code::internal);
  };
  answered({{1000}, {1 * gib}});  // the first: there is nothing to compare with
  deed.last_permit = Resources{{1000}, {1 * gib}};
  answered({{1000}, {1 * gib}});
  answered({{2000}, {1 * gib}});
  answered(deed.wanted);
  counts.permit_answered(deed, nullptr, Code::unavailable);
  CHECK(told(metrics, "autoscaling_agent_scaling_full_denials_total{direction=\"inc\"}") == 1);
  CHECK(told(metrics, "autoscaling_agent_scaling_partial_approvals_total{direction=\"inc\"}") == 1);
  CHECK(told(metrics, "autoscaling_agent_scheduler_plugin_requested_cpu_change_total{direction=\"inc\"}") == 6);
  CHECK(told(metrics, "autoscaling_agent_scheduler_plugin_accepted_cpu_change_total{direction=\"inc\"}") == 3);
  CHECK(told(metrics, "autoscaling_agent_scheduler_plugin_accepted_mem_change_total{direction=\"inc\"}") == 2048);
  CHECK(told(metrics, "autoscaling_agent_scheduler_plugin_requests_total{code=\"200\"}") == 4);
  CHECK(told(metrics, "autoscaling_agent_scheduler_plugin_requests_total{code=\"[error: unavailable]\"}") == 1);
  CHECK(direction_of({{1000}, {1 * gib}}, {{2000}, {1 * mib}}) == std::string("both"));
}

TEST_CASE("a VM of a cluster by its namespace") {
  Object vm;
  vm.name = "tenants/web";
  vm.labels = {{endpoint_label, "ep-1"}, {project_label, "p"}};
  VmSpec spec;
  VmStatus status;
  status.cpu.actual = {1500};
  runtime::MetricsRegistry metrics;
  const auto collected = metrics.at_scrape([&](std::vector<runtime::MetricSample>& out) {
    collect_vm(vm, spec, status, Resources{{500}, {3 * gib}}, {{250}, {1 * gib}}, out);
  });
  const std::string who = "endpoint_id=\"ep-1\",project_id=\"p\"", named = "vm_name=\"web\",vm_namespace=\"tenants\"";
  CHECK(told(metrics, "autoscaling_vm_cpu_cores{" + who + ",value=\"status_use\"," + named + "}") == 1.5);
  CHECK(told(metrics, "autoscaling_vm_desired_cu{component=\"total\"," + who + "," + named + "}") == 3);
  CHECK(told(metrics, "autoscaling_vm_desired_cu{component=\"cpu\"," + who + "," + named + "}") == 2);
}
