// The agent from end to end: a policy's wish becomes the guest's size, in the order that the laws ask for.
#include <filesystem>
#include <fstream>
#include <future>

#include "core/runtime/channel.hpp"
#include "core/wire/explanation.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/placement_protocol.hpp"
#include "core/wire/shadow_policies.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;

namespace {

bool heard_consent(Town& town, const std::string& run_dir) {
  for (const auto& message : town.guests.at(run_dir)->heard())
    if (std::get_if<wire::AskConsent>(&message)) return true;
  return false;
}

}  // namespace

TEST_CASE("a VM grows to its policy's wish and shrinks with the guest's consent") {
  Town town;
  town.node("n1", 8, 16);
  town.wish(1, 1);
  town.vm("web", 1, 1, true);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.status("web").guest_connected; }));
  town.wish(4, 6);
  REQUIRE(town.until([&] { return town.has("web", 4, 6); }));
  const auto why = town.plane->agent->explain("web");
  REQUIRE(why);
  REQUIRE_FALSE(why->decisions.empty());
  CHECK(why->decisions.back().because.front().rule == "test");
  CHECK(why->decisions.back().revision == town.spec("web").target_revision->value);
  CHECK_FALSE(heard_consent(town, town.qemu_of("web")));
  town.wish(0.5, 1);
  REQUIRE(town.until([&] { return town.has("web", 0.5, 1); }));
  CHECK(heard_consent(town, town.qemu_of("web")));
  REQUIRE(town.until([&] { return town.plane->scheduler->ledger().totals("n1").reserved.memory == Bytes{gib}; }));
  CHECK(town.broken() == "");
}

TEST_CASE("while the scheduler is away VMs grow out of what was lent before, and no further") {
  Town town;
  town.node("n1", 8, 16);
  town.lent_share = 0.25;
  town.agent_node = "n1";
  town.wish(1, 1);
  town.vm("web", 1, 1, true);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.status("web").guest_connected; }));
  REQUIRE(town.until([&] { return town.plane->agent->state().headroom == Resources{MilliCpu{2000}, Bytes{4 * gib}}; }, 60s));
  town.scheduler_away = true;
  town.wish(2.5, 3);
  REQUIRE(town.until([&] { return town.has("web", 2.5, 3); }));
  town.wish(6, 8);
  REQUIRE(town.until([&] { return town.has("web", 3, 5); }));
  CHECK(town.plane->agent->state().headroom == Resources{});
  // What was given away counts as lent until its books are told, and once more as what the VM has.
  const auto totals = town.plane->scheduler->ledger().totals("n1");
  CHECK(totals.leased == Resources{MilliCpu{2000}, Bytes{4 * gib}});
  CHECK_FALSE(exceeds_somewhere(totals.reserved + totals.leased, totals.capacity));
  CHECK(town.broken() == "");
  town.scheduler_away = false;
  REQUIRE(town.until([&] { return town.has("web", 6, 8); }));
  CHECK(town.plane->scheduler->ledger().find(town.status("web").runner)->granted == Resources{MilliCpu{6000}, Bytes{8 * gib}});
  CHECK(town.broken() == "");
}

namespace {

runtime::HttpResponse asked_of_runner(Town& town, const std::string& vm, const std::string& target) {
  const auto endpoint = runtime::parse_endpoint(town.status(vm).endpoint).value();
  auto answer = std::async(std::launch::async, [&endpoint, target] {
    return runtime::http_call(endpoint, {"GET", target, {}, "", ""}, std::chrono::steady_clock::now() + 20s);
  });
  REQUIRE(town.until([&answer] { return answer.wait_for(0s) == std::future_status::ready; }));
  return answer.get().value();
}

}  // namespace

TEST_CASE("a VM's runner says why the VM has its size, as long as somebody decides it") {
  Town town;
  town.node("n1", 8, 16);
  town.wish(4, 6);
  town.vm("web", 1, 1, true);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 4, 6); }));
  const auto answer = asked_of_runner(town, "web", "/v1/explain");
  REQUIRE(answer.status == 200);
  const auto why = wire::decode_explanation(answer.body).value();
  CHECK(why.vm == "web");
  CHECK(why.decisions.back().because.front().rule == "test");
  // Not before there is another one.
  town.wish(2, 6);
  const auto later = asked_of_runner(town, "web", "/v1/explain?newer=" + std::to_string(why.decisions.back().number));
  CHECK(wire::decode_explanation(later.body)->decisions.back().number > why.decisions.back().number);
  town.kill_control_plane();
  runtime::HttpResponse last;
  for (int i = 0; i < 100 && wire::decode_error(last.body).message.find("no agent") != 0; ++i) last = asked_of_runner(town, "web", "/v1/explain");
  CHECK(last.status == 503);
}

TEST_CASE("a VM's runner hands out what its console has printed, and goes on as it prints more") {
  Town town;
  town.node("n1", 8, 16);
  town.vm("web", 1, 1);
  town.open();
  REQUIRE(town.until([&] { return town.runs("web"); }));
  const auto endpoint = runtime::parse_endpoint(town.status("web").endpoint).value();
  const std::filesystem::path path = town.home.path() / "vms/web/console.log";
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << "one\ntwo\nthree\n";
  std::string end;
  const auto heard = [&](const std::string& request, const std::string& until) {
    std::string text;
    bool done = false;
    std::shared_ptr<runtime::Channel> open;
    runtime::connect_channel(town.loop, endpoint, "/v1/log", town.loop.now() + 10s, {}, [&](auto opened) {
      open = opened.value();
      open->on_message([&](const runtime::ChannelMessage& message) {
        if (message.binary) text += message.data;
        else end = wire::decode_exec_end(message.data)->error;
        if (text == "two\nthree\n" && until == "more\n") std::ofstream(path, std::ios::app) << "more\n";
        if (!until.empty() && text.ends_with(until)) open->close();
      });
      open->on_closed([&](const Error&) { done = true; });
      open->send(request);
    });
    REQUIRE(town.until([&] { return done; }));
    return text;
  };
  CHECK(heard("{}", "") == "one\ntwo\nthree\n");
  CHECK(heard(R"({"tail":1})", "") == "three\n");
  CHECK(end == "");
  CHECK(heard(R"({"tail":2,"follow":true})", "more\n") == "two\nthree\nmore\n");
  CHECK(heard(R"({"tail":"all"})", "") == "");
  CHECK(end.find("tail") == 0);
  std::filesystem::remove(path);
  CHECK(heard("{}", "") == "");
  CHECK(end == "nothing has been printed yet");
}

TEST_CASE("a guest that refuses keeps its memory; one that says a floor shrinks to it") {
  Town town;
  town.node("n1", 8, 16);
  town.wish(2, 4);
  town.vm("web", 2, 4, true);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 2, 4) && town.status("web").guest_connected; }));
  town.guests.at(town.qemu_of("web"))->refuses_shrink = true;
  town.wish(1, 0.5);
  REQUIRE(town.until([&] {
    const auto why = town.plane->agent->explain("web");
    for (const Because& because : why->because)
      if (because.rule == "guest.refused") return true;
    return false;
  }));
  CHECK(town.spec("web").memory.use >= Bytes{gib});
  CHECK(town.broken() == "");
}

TEST_CASE("growth stops at what the node has, and goes on when another VM leaves") {
  Town town;
  town.node("n1", 4, 8);
  town.wish(8, 2);
  town.vm("a", 1, 1, true);
  town.vm("b", 2, 2);
  town.open();
  REQUIRE(town.until([&] { return town.has("a", 2, 2) && town.has("b", 2, 2); }));
  CHECK(town.broken() == "");
  const auto otherwise = town.plane->agent->explain("a")->because.back();
  CHECK(otherwise.rule == "otherwise");
  CHECK(otherwise.text == "with more room on n1 it would have 8 CPU, 2Gi; it may have 2 CPU, 2Gi");
  town.remove("b");
  REQUIRE(town.until([&] { return town.has("a", 4, 2); }));
  CHECK(town.broken() == "");
}

TEST_CASE("a policy that is not there keeps the VM at its size and says so; another one is taken without a restart") {
  Town town;
  town.node("n1", 8, 16);
  town.wish(4, 4);
  town.vm("web", 1, 1, true);
  town.edit("web", [](VmSpec& s) { s.scaling.policy = "no-such"; });
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1); }));
  REQUIRE(town.until([&] { return !town.plane->agent->explain("web")->problem.empty(); }));
  CHECK(town.plane->agent->explain("web")->problem.find("there is no policy no-such") != std::string::npos);
  CHECK(town.has("web", 1, 1));
  town.edit("web", [](VmSpec& s) { s.scaling.policy = "wishing"; });
  REQUIRE(town.until([&] { return town.has("web", 4, 4); }));
  CHECK(town.machines->starts() == 1);
}

TEST_CASE("a shadow policy is asked and scored, and has no effect") {
  Town town;
  town.node("n1", 8, 16);
  town.wish(2, 2);
  Object object = town.vm("web", 1, 1, true);
  wire::encode_shadow_policies({{"wishing", {{"small", "yes"}}}, {"no-such", {}}}, object);
  REQUIRE(town.orchestrator.update(object, daemon::call_deadline()));
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 2, 2); }));
  const auto why = town.plane->agent->explain("web");
  REQUIRE(why->policies.size() == 3);
  CHECK(why->policies[0].has_effect);
  CHECK(why->policies[0].wish == Resources{MilliCpu{2000}, Bytes{2 * gib}});
  CHECK(why->policies[1].policy == "wishing,small=yes");
  CHECK(why->policies[1].wish == Resources{MilliCpu{250}, Bytes{512 * mib}});
  CHECK(why->policies[2].problem == "there is no policy no-such");
  CHECK(town.has("web", 2, 2));
}

TEST_CASE("scaling is held during a migration and goes on at the target") {
  Town town;
  town.node("n1", 8, 16);
  town.node("n2", 8, 16);
  fakes::FakeBehaviour slow;
  slow.migration_lag = 300ms;
  town.machines->behave("web", slow);
  town.wish(1, 1);
  town.vm("web", 1, 1, true);
  town.open();
  REQUIRE(town.until([&] { return town.has("web", 1, 1) && town.status("web").guest_connected; }));
  const std::string from = town.status("web").node;
  town.migrate("web");
  REQUIRE(town.until([&] { return !town.status("web").migration.empty(); }));
  town.wish(3, 2);
  REQUIRE(town.until([&] { return town.status("web").node != from && town.has("web", 3, 2); }));
  CHECK(town.broken() == "");
}

TEST_CASE("a control plane that died in the middle of a growth goes on, and sells nothing twice") {
  Town town;
  town.node("n1", 6, 8);
  town.wish(4, 4);
  town.vm("a", 1, 1, true);
  town.vm("b", 1, 1, true);
  town.open();
  REQUIRE(town.until([&] { return town.status("a").cpu.actual + town.status("b").cpu.actual > MilliCpu{3000}; }));
  town.kill_control_plane();
  town.turn(100ms);
  town.open();
  REQUIRE(town.until([&] {
    CHECK(town.broken() == "");
    return town.status("a").cpu.actual + town.status("b").cpu.actual == MilliCpu{6000};
  }));
}
