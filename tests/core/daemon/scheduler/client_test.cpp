// A scheduler in another process, as controller and agent reach it.
#include "core/daemon/scheduler_client.hpp"
#include "core/daemon/scheduler_door.hpp"
#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"

using namespace neonvm;
using namespace neonvm::tests;

namespace {

constexpr const char* token = "a token of thirty-two characters";

struct Line : Desk {
  std::optional<runtime::HttpServer> server;
  runtime::Endpoint at;
  std::string shown = token;
  int found = 0;
  std::optional<daemon::SchedulerClient> client;

  Line() {
    node("n1", 8, 32);
    node("n2", 8, 32);
    vm("web", 2, 4);
    run("web", "web-1", "n1");
    open();
    serve();
    client.emplace(loop, [this](Deadline) {
      ++found;
      daemon::SchedulerReach reach{at, {}};
      reach.http.bearer_token = shown;
      return Result<daemon::SchedulerReach>(reach);
    });
  }
  void serve() {
    runtime::HttpServerOptions options;
    options.authorize = [](const runtime::HttpRequest& request) {
      const auto given = request.headers.find("authorization");
      return given != request.headers.end() && given->second == std::string("Bearer ") + token;
    };
    server.emplace(loop, options);
    daemon::serve_permits(*server, *scheduler);
    daemon::serve_placement(*server, *scheduler);
    at = server->listen({runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0}).value();
  }
  Result<wire::PermitResponse> ask(const std::string& runner) {
    wire::PermitRequest request;
    request.runner = runner;
    request.compute_unit = default_compute_unit;
    request.wanted = size(3, 4);
    std::optional<Result<wire::PermitResponse>> answer;
    client->ask(request, [&](Result<wire::PermitResponse> response) { answer = std::move(response); });
    until([&] { return answer.has_value(); });
    return *answer;
  }
};

}  // namespace

TEST_CASE("permits and places come over the network to whoever shows the token") {
  Line line;
  CHECK(line.ask("web-1")->permit == size(3, 4));
  CHECK(line.ask("nobody").error().code == Code::not_found);
  std::optional<Result<std::string>> place;
  const Object vm = line.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline()).value();
  line.client->reserve_target({vm, "web-2", "", "n1"}, [&](Result<std::string> node) { place = std::move(node); });
  line.until([&] { return place.has_value(); });
  CHECK(place->value() == "n2");
  line.client->release("web-2");
  line.until([&] { return line.reserved("n2") == Resources{}; });
  CHECK(line.found == 1);
}

TEST_CASE("a client that is not let in, or not answered, looks for the scheduler anew") {
  Line line;
  line.shown = "another token";
  const auto refused = line.ask("web-1");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unavailable);
  CHECK(refused.error().message == "the scheduler does not let us in (401)");
  line.shown = token;
  CHECK(line.ask("web-1"));
  CHECK(line.found == 2);
  line.server.reset();
  CHECK(line.ask("web-1").error().code == Code::unavailable);
  line.serve();
  CHECK(line.ask("web-1"));
  // One that does not lead answers, and is left.
  line.restart_scheduler();
  line.server.reset();
  line.scheduler.emplace(line.loop, line.orchestrator, line.world, line.metrics);
  line.scheduler->stand_by("this replica does not lead");
  line.serve();
  (void)line.ask("web-1");
  const int before = line.found;
  CHECK(line.ask("web-1").error().message == "this replica does not lead");
  CHECK(line.ask("web-1").error().code == Code::unavailable);
  CHECK(line.found >= before + 1);
}

TEST_CASE("upstream's words on the wire: namespace and name apart") {
  Line line;
  line.orchestrator.qualify_names();
  line.vm("db", 1, 1);
  line.run("db", "prod/db-1", "n2");
  line.until([&] { return line.scheduler->ledger().find("prod/db-1") != nullptr; });
  CHECK(line.ask("prod/db-1")->permit == size(3, 4));
}

TEST_CASE("where kube-scheduler places, a runner starts without a node and a target is booked before") {
  Line line;
  daemon::ClusterPlacement places(line.loop, *line.client);
  const Object vm = line.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline()).value();
  std::optional<Result<std::string>> node;
  places.place({vm, "web-9", "", ""}, [&](Result<std::string> answer) { node = std::move(answer); });
  CHECK_FALSE(node);
  line.until([&] { return node.has_value(); });
  CHECK(node->value().empty());
  CHECK(line.scheduler->ledger().find("web-9") == nullptr);
  node.reset();
  places.reserve_target({vm, "web-2", "", "n1"}, [&](Result<std::string> answer) { node = std::move(answer); });
  line.until([&] { return node.has_value(); });
  CHECK(node->value() == "n2");
}
