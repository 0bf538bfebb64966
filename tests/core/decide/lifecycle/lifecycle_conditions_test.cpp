// What a VM's conditions say of trouble that is not the VM's own.
#include <algorithm>

#include "core/decide/lifecycle.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

LifecycleFacts with_runner(RunnerPhase phase) {
  LifecycleFacts facts;
  facts.name = "web";
  facts.finalizer = true;
  facts.status.phase = Phase::pending;
  facts.status.runner = "web-1";
  facts.fresh_name = "web-2";
  RunnerFacts runner;
  runner.name = "web-1";
  runner.node = "n1";
  runner.phase = phase;
  facts.runners.push_back(runner);
  return facts;
}

LifecycleFacts running() {
  LifecycleFacts facts = with_runner(RunnerPhase::running);
  RunnerWord word;
  word.fresh = true;
  word.machine = MachinePhase::running;
  word.cpu.asked = word.cpu.actual = facts.spec.cpu.use;
  word.memory.asked = word.memory.actual = facts.spec.memory.use;
  facts.runners.front().word = word;
  return facts;
}

Condition condition(const VmStatus& status, const char* type) {
  const auto at = std::find_if(status.conditions.begin(), status.conditions.end(), [type](const Condition& each) { return each.type == type; });
  REQUIRE(at != status.conditions.end());
  return *at;
}

bool tells(const std::vector<Event>& events, const char* reason) {
  return std::any_of(events.begin(), events.end(), [reason](const Event& event) { return event.warning && event.reason == reason; });
}

}  // namespace

TEST_CASE("a runner that cannot begin says why, once, and nothing else is started for it") {
  LifecycleFacts facts = with_runner(RunnerPhase::starting);
  const VmStatus before = decide_lifecycle(facts).status;
  CHECK(condition(before, "Available").reason == "Starting");
  facts.status = before;
  facts.runners.front().exit_reason = "image vm-web:1: ErrImagePull: no such host";
  const LifecycleDecision blocked = decide_lifecycle(facts);
  CHECK(blocked.step.deed == LifecycleDeed::none);
  CHECK(condition(blocked.status, "Available").reason == "StartBlocked");
  CHECK(condition(blocked.status, "Available").message == "image vm-web:1: ErrImagePull: no such host");
  CHECK(tells(events_between(before, blocked.status), "StartBlocked"));
  CHECK_FALSE(tells(events_between(blocked.status, blocked.status), "StartBlocked"));
  // It heals without a word about it.
  facts.status = blocked.status;
  facts.runners.front().exit_reason.clear();
  const VmStatus healed = decide_lifecycle(facts).status;
  CHECK(condition(healed, "Available").reason == "Starting");
  CHECK(healed.why.find("image") == std::string::npos);
}

TEST_CASE("a VM that runs on with an old certificate is degraded, until it has a new one") {
  LifecycleFacts facts = running();
  const VmStatus before = decide_lifecycle(facts).status;
  CHECK_FALSE(condition(before, "Degraded").value);
  facts.status = before;
  facts.tend_why = "spec.tls: waits for an issuer";
  const VmStatus degraded = decide_lifecycle(facts).status;
  CHECK(condition(degraded, "Available").value);
  CHECK(condition(degraded, "Degraded").value);
  CHECK(condition(degraded, "Degraded").reason == "CertificateNotRenewed");
  CHECK(condition(degraded, "Degraded").message == facts.tend_why);
  CHECK(tells(events_between(before, degraded), "CertificateNotRenewed"));
  facts.tend_why.clear();
  CHECK_FALSE(condition(decide_lifecycle(facts).status, "Degraded").value);
}

TEST_CASE("a size that comes while the VM moves says what it waits for") {
  LifecycleFacts facts = running();
  facts.status.phase = Phase::running;
  facts.migrating = true;
  facts.migrating_phase = Phase::migrating;
  facts.migration = "away";
  facts.migration_source = "web-1";
  VmStatus status = decide_lifecycle(facts).status;
  CHECK(status.why.empty());
  CHECK(status.cpu.settled);

  facts.spec.cpu.use = facts.spec.cpu.use + MilliCpu{1000};
  status = decide_lifecycle(facts).status;
  CHECK_FALSE(status.cpu.settled);
  CHECK(status.cpu.why == "waits for the end of migration away");
  CHECK(status.memory.why.empty());
  CHECK(status.why == "waits for the end of migration away");

  facts.migrating = false;
  facts.size_why = "has not all that is asked";
  status = decide_lifecycle(facts).status;
  CHECK(status.cpu.why == "has not all that is asked");
}
