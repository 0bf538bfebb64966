// Our agent at upstream's scheduler: agent/*.jsonl, played over a real port. The steps:
//   {"vm":NAME,"has":[CPUS,GIBS]}         a VM that runs with so much; VMs come before everything else
//   {"wish":[CPUS,GIBS]}                  what the policies of all VMs want from now on
//   {"ask":{…}}                           the next question has these members
//   {"answer":{…}}                        200, and this body; {"answer":STATUS,"text":"…"}: that
//   {"aside":NAME}                        that question is not answered now; {"late":NAME,"answer":…} does it
//   {"restart":true}                      the scheduler dies without an answer and is there again
//   {"agent":"restarts"}                  so does the agent, which knows nothing of permits then
//   {"becomes":[CPUS,GIBS],"vm":NAME}     the VM is given so much
//   {"stays":[CPUS,GIBS],"vm":NAME}       it has not been given more or less meanwhile
#include "core/daemon/scheduler_client.hpp"
#include "tests/core/daemon/mixed/scripted_scheduler.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/recorded_script.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// Town's own scheduler places its VMs; the agent asks the scripted one.
struct MixedCluster {
  Town town;
  std::unique_ptr<ScriptedScheduler> scheduler;
  std::string last_vm;

  MixedCluster() {
    town.node("n1", 16, 64);
    scheduler = std::make_unique<ScriptedScheduler>(town.loop);
    daemon::SchedulerClientSettings patience;
    patience.timeout = 1s;
    town.agents_office = [this, patience] { return std::make_unique<daemon::SchedulerClient>(town.loop, scheduler->endpoint(), patience); };
    town.wish(1, 1);
  }
  ~MixedCluster() { town.kill_control_plane(); }

  void until(const std::function<bool()>& holds) {
    const bool held = town.until([&] { return !scheduler->wrong.empty() || holds(); });
    INFO("wrong: " << scheduler->wrong);
    CHECK(scheduler->wrong.empty());
    REQUIRE(held);
  }
  std::string name_in(const json& step) const { return step.value("vm", last_vm); }

  void add_vm(const json& step) {
    last_vm = step["vm"];
    town.vm(last_vm, step["has"][0], step["has"][1], true);
  }
  void answer(const json& step) {
    const json& what = step["answer"];
    const int status = what.is_number() ? what.get<int>() : 200;
    const std::string body = what.is_number() ? step.value("text", "") : what.dump();
    if (step.contains("late")) scheduler->answer_aside(step["late"], status, body);
    else scheduler->answer(status, body);
  }
  void play(const json& step) {
    if (step.contains("has")) return add_vm(step);
    if (!town.plane) town.open();
    if (step.contains("wish")) {
      town.wish(step["wish"][0], step["wish"][1]);
    } else if (step.contains("ask")) {
      scheduler->expect(step["ask"]);
      until([&] { return scheduler->arrived(); });
    } else if (step.contains("answer")) {
      answer(step);
    } else if (step.contains("aside")) {
      scheduler->put_aside(step["aside"]);
    } else if (step.contains("restart")) {
      scheduler->restart();
    } else if (step.contains("agent")) {
      town.kill_control_plane();
      town.open();
    } else if (step.contains("becomes")) {
      until([&] { return town.has(name_in(step), step["becomes"][0], step["becomes"][1]); });
    } else if (step.contains("stays")) {
      CHECK(town.has(name_in(step), step["stays"][0], step["stays"][1]));
    } else {
      FAIL("there is no such step");
    }
  }
};

}  // namespace

TEST_CASE("our agent at upstream's scheduler") {
  for (const auto& [name, script] : scripts_in(SCRIPTS "/agent")) {
    DYNAMIC_SECTION(name) {
      MixedCluster cluster;
      for (const ScriptLine& line : script) {
        INFO(line.place);
        cluster.play(line.step);
      }
      CHECK(cluster.town.broken() == "");
    }
  }
}
