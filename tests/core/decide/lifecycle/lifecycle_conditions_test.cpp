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

TEST_CASE("a controller that begins writes nothing of a VM before it has heard, or knows that it does not hear") {
  LifecycleFacts facts = running();
  facts.status.phase = Phase::running;
  const VmStatus stored = decide_lifecycle(facts).status;
  CHECK(condition(stored, "Available").value);
  facts.status = stored;
  facts.status.guest_connected = true;
  facts.runners.front().word.reset();
  facts.wall += std::chrono::hours(1);
  CHECK(decide_lifecycle(facts).status == facts.status);

  facts.runners.front().silent = true;
  const VmStatus silent = decide_lifecycle(facts).status;
  CHECK(silent.phase == Phase::running);
  CHECK_FALSE(silent.guest_connected);
  CHECK_FALSE(condition(silent, "Available").value);
  CHECK(condition(silent, "Available").reason == "RunnerSilent");
  CHECK(condition(silent, "Degraded").value);
  CHECK(condition(silent, "Degraded").reason == "RunnerSilent");
  CHECK(condition(silent, "Degraded").message == "runner web-1 does not answer; this is what it last said");

  facts = running();
  facts.status = silent;
  CHECK(condition(decide_lifecycle(facts).status, "Available").value);
  CHECK_FALSE(condition(decide_lifecycle(facts).status, "Degraded").value);
}

TEST_CASE("a runner whose door is not open yet is starting, and not silent") {
  LifecycleFacts facts = with_runner(RunnerPhase::running);
  facts.runners.front().silent = true;
  const VmStatus status = decide_lifecycle(facts).status;
  CHECK(condition(status, "Available").reason == "Starting");
  CHECK_FALSE(condition(status, "Degraded").value);
}
