// Upstream's agents at our scheduler: scheduler/*.jsonl, played against its door on a real port. The steps:
//   {"node":NAME,"has":[CPUS,GIBS]}                  come first, then the scheduler's books are there
//   {"vm":NAME,"on":NODE,"has":[CPUS,GIBS]}          runs there in the pod NAME-1
//   {"asks":POD,…}                                   an agent's question; members beside are put into the message that 5.3 shows, in place of
//                                                    what is there; {"asks":POD,"raw":TEXT} sends that
//   {"answer":{…}}                                   200, with these members; {"answer":STATUS,"text":"…"}: that status, and a text that begins so
//   {"size":[CPUS,GIBS],"vm":NAME}                   the agent writes the size, and the VM has it
//   {"scheduler":"restarts"}                         it knows nothing of what it said
//   {"later":SECONDS}
//   {"annotate":{…},"vm":NAME}                       somebody writes that
//   {"reserved":[CPUS,GIBS],"node":NAME}             what the books say
#include "core/daemon/scheduler_door.hpp"
#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"
#include "tests/support/recorded_script.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using nlohmann::json;

namespace {

struct MixedDesk : Desk {
  std::optional<runtime::HttpServer> server;
  runtime::Endpoint at{runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0};
  std::optional<Result<runtime::HttpResponse>> answer;
  std::vector<std::string> nodes;

  void serve() {
    server.reset();
    scheduler ? restart_scheduler() : open();
    server.emplace(loop);
    daemon::serve_permits(*server, *scheduler);
    at = server->listen(at).value();
  }
  void ask(const json& step) {
    json message = {{"protoVersion", 7}, {"pod", {{"namespace", "default"}, {"name", step["asks"]}}},
                    {"computeUnit", {{"vCPUs", "250m"}, {"mem", "1Gi"}}}, {"resources", nullptr}, {"lastPermit", nullptr}, {"metrics", {{"loadAvg1M", 0.3}}}};
    for (const auto& [key, value] : step.items())
      if (key != "asks" && key != "raw" && key != "method") message[key] = value;
    runtime::HttpRequest request;
    request.method = step.value("method", "POST");
    request.target = "/";
    request.headers["content-type"] = "application/json";
    request.body = step.value("raw", message.dump());
    answer.reset();
    loop.off_loop([at = at, request] { return runtime::http_call(at, request, std::chrono::steady_clock::now() + std::chrono::seconds(60)); },
                  [this](Result<runtime::HttpResponse> response) { answer = std::move(response); });
    until([this] { return answer.has_value(); });
  }
  void check_answer(const json& step) {
    REQUIRE(answer);
    REQUIRE(answer->ok());
    const json& expected = step["answer"];
    const runtime::HttpResponse& got = **answer;
    INFO("answered " << got.status << " " << got.body);
    CHECK(got.status == (expected.is_number() ? expected.get<int>() : 200));
    CHECK(got.headers.at("content-type").starts_with(got.status == 200 ? "application/json" : "text/plain"));
    if (expected.is_object()) CHECK(has(json::parse(got.body, nullptr, false), expected));
    else CHECK(got.body.starts_with(step.value("text", "")));
  }
  void resize(const json& step) {
    const Resources to = size(step["size"][0], step["size"][1]);
    const std::string name = step["vm"];
    spec(name, [&](VmSpec& vm) { vm.cpu.use = to.cpu, vm.memory.use = to.memory; });
    status(name, [&](VmStatus& vm) { vm.cpu.actual = to.cpu, vm.memory.actual = to.memory; });
    settle();
  }
  void annotate(const json& step) {
    Object object = orchestrator.get(Kind::virtual_machine, step["vm"], daemon::call_deadline()).value();
    for (const auto& [key, value] : step["annotate"].items()) object.annotations[key] = value;
    REQUIRE(orchestrator.update(object, daemon::call_deadline()));
    settle();
  }
  // What was written has been heard: another object that was written later is there.
  void settle() {
    static int marks = 0;
    const std::string mark = "mark-" + std::to_string(++marks);
    const Object made = vm(mark, 1, 1, false);
    until([&] { return scheduler->view().vm(made.uid) != nullptr; });
  }
  void play(const json& step) {
    if (step.contains("has") && step.contains("on")) {
      vm(step["vm"], step["has"][0], step["has"][1]);
      run(step["vm"], step["vm"].get<std::string>() + "-1", step["on"]);
    } else if (step.contains("has")) {
      node(step["node"], step["has"][0], step["has"][1], 1.0);
      nodes.push_back(step["node"].get<std::string>());
    } else if (step.contains("annotate")) {
      annotate(step);
    } else {
      if (!scheduler) serve();
      later(step);
    }
  }
  void later(const json& step) {
    if (step.contains("asks")) return ask(step);
    if (step.contains("answer")) return check_answer(step);
    if (step.contains("size")) return resize(step);
    if (step.contains("scheduler")) return serve();
    if (step.contains("later")) return clock.advance(std::chrono::seconds(step["later"].get<int>()));
    if (!step.contains("reserved")) FAIL("there is no such step");
    CHECK(reserved(step["node"].get<std::string>()) == size(step["reserved"][0], step["reserved"][1]));
  }
  void check_books() {
    if (!scheduler || !scheduler->ready()) return;
    for (const std::string& name : nodes) CHECK(fits_in(scheduler->ledger().totals(name).reserved, scheduler->ledger().totals(name).capacity));
  }
};

}  // namespace

TEST_CASE("upstream's agents at our scheduler") {
  for (const auto& [name, script] : scripts_in(SCRIPTS "/scheduler")) {
    DYNAMIC_SECTION(name) {
      MixedDesk desk;
      for (const ScriptLine& line : script) {
        INFO(line.place);
        desk.play(line.step);
        desk.check_books();
      }
    }
  }
}
