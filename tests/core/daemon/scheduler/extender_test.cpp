// What the scheduler tells a kube-scheduler, over the in-memory orchestrator.
#include "core/daemon/extender_door.hpp"
#include "core/model/pod_layout.hpp"
#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"

using namespace neonvm;
using namespace neonvm::tests;

namespace {

struct Cluster : Desk {
  std::optional<daemon::ExtenderDoor> door;

  Cluster() { orchestrator.qualify_names(); }

  void open_door(daemon::SchedulerSettings settings = {}) {
    open(settings);
    door.emplace(loop, orchestrator, *scheduler, metrics);
  }
  wire::Pod pod(const std::string& name, double cpus, double gibs) {
    wire::Pod made{"default", name, "uid-" + name, "", size(cpus, gibs), false, ""};
    orchestrator.pending_pod("default/" + name, made.uid, made.requests);
    return made;
  }
  // A runner of the VM that was started without a node, as its pod.
  wire::Pod runner_pod(const std::string& vm, const std::string& name, RunnerRole role = RunnerRole::source) {
    const Object made = runner(vm, "default/" + name, "", role);
    return {"default", name, made.uid, "", {}, false, made.spec};
  }
  Status bind(const wire::Pod& pod, const std::string& node) {
    std::optional<Status> answer;
    door->bind({pod.name, pod.ns, pod.uid, node}, [&](const Status& status) { answer = status; });
    CHECK_FALSE(answer);
    until([&] { return answer.has_value(); });
    return *answer;
  }
  wire::ExtenderFilterResult filter(const wire::Pod& pod, std::vector<std::string> nodes = {"n1", "n2"}) {
    return door->filter({pod, std::move(nodes), {}});
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a VM's pod passes where the books have room for the VM, whatever it requests") {
  Cluster c;
  c.node("n1", 4, 16);
  c.node("n2", 8, 32);
  c.vm("web", 6, 8);
  c.open_door();
  const auto result = c.filter(c.runner_pod("web", "web-1"), {"n1", "n2", "n3"});
  CHECK(result.nodes == Names{"n2"});
  CHECK(result.failed.at("n1") == "has 4 CPU, 16Gi in all, and 6 CPU, 8Gi is needed");
  CHECK(result.unresolvable.count("n1") == 1);
  CHECK(result.failed.at("n3") == "is not known to the scheduler of VMs");
}

TEST_CASE("what a VM has grown to is not sold to pods, and what pods have is not granted to VMs") {
  Cluster c;
  c.node("n1", 8, 32);
  c.vm("web", 2, 8);
  c.run("web", "web-1", "n1");
  c.neighbour("default/db", "n1", 1, 4);
  c.open_door();
  c.until([&] { return c.reserved("n1") == size(3, 12); });
  CHECK(c.ask("web-1", 6, 8)->permit == size(6, 8));
  auto result = c.filter(c.pod("job", 1.5, 1), {"n1"});
  CHECK(result.nodes.empty());
  CHECK(result.failed.at("n1") == "lacks 500m CPU beside what its VMs and pods have reserved");
  CHECK(result.unresolvable.empty());
  const wire::Pod small = c.pod("small", 1, 1);
  CHECK(c.filter(small, {"n1"}).nodes == Names{"n1"});
  REQUIRE(c.bind(small, "n1"));
  CHECK(c.reserved("n1") == size(8, 13));
  CHECK(c.ask("web-1", 7, 8, size(6, 8))->permit == size(6, 8));
  // Ended, after it was seen: its room is free again.
  c.until([&] { return c.scheduler->view().has_neighbour("default/small"); });
  REQUIRE(c.orchestrator.remove(Kind::neighbour, "default/small", daemon::call_deadline()));
  c.until([&] { return c.reserved("n1") == size(7, 12); });
  CHECK(c.ask("web-1", 7, 8, size(6, 8))->permit == size(7, 8));
}

TEST_CASE("a pod of an ignored namespace goes where there is room, and takes none") {
  Cluster c;
  c.node("n1", 4, 16);
  c.node("n2", 2, 16);
  daemon::SchedulerSettings settings;
  settings.ignored_namespaces = {"default"};
  c.vm("web", 3, 8);
  c.open_door(settings);
  const auto first = c.pod("balloon-1", 3, 8), second = c.pod("balloon-2", 3, 8);
  for (const auto& balloon : {first, second}) {
    CHECK(c.filter(balloon).nodes == Names{"n1"});
    CHECK(c.bind(balloon, "n1"));
  }
  c.neighbour("default/balloon-3", "n1", 3, 8);
  // VMs are counted there as everywhere.
  const auto runner = c.runner_pod("web", "web-1");
  CHECK(c.filter(runner).nodes == Names{"n1"});
  CHECK(c.bind(runner, "n1"));
  CHECK(c.reserved("n1") == size(3, 8));
  CHECK(c.filter(c.pod("balloon-4", 3, 8)).nodes.empty());
}

TEST_CASE("what a VM's own processes take counts beside it") {
  Cluster c;
  c.node("n1", 4, 2);
  c.vm("web", 1, 1);
  daemon::SchedulerSettings settings;
  settings.vmm_counts = true;
  c.open_door(settings);
  const wire::Pod pod = c.runner_pod("web", "web-1");
  REQUIRE(c.filter(pod, {"n1"}).nodes == Names{"n1"});
  REQUIRE(c.bind(pod, "n1"));
  const Resources overhead{MilliCpu{0}, pod::vmm_memory(Bytes{512 * mib})};   // the test's machine
  CHECK(c.reserved("n1") == size(1, 1) + overhead);
  c.until([&] {
    const daemon::SeenRunner* seen = c.scheduler->view().runner("default/web-1");
    return seen != nullptr && !seen->node.empty();
  });
  CHECK(c.reserved("n1") == size(1, 1) + overhead);
  c.scheduler->release("default/web-1");   // a live one keeps it
  CHECK(c.reserved("n1") == size(1, 1) + overhead);
  CHECK(c.ask("default/web-1", 1, 2)->permit.memory < size(1, 2).memory);
}

TEST_CASE("a node says what is free there, and at once when a pod that was refused would fit") {
  Cluster c;
  c.node("n1", 8, 32);
  c.vm("web", 2, 8);
  c.run("web", "web-1", "n1");
  daemon::SchedulerSettings settings;
  settings.show_room = true;
  c.open_door(settings);
  const auto told = [&c](const std::string& what) {
    const Object node = c.orchestrator.get(Kind::node, "n1", daemon::call_deadline()).value();
    const auto found = node.annotations.find(what);
    return found == node.annotations.end() ? std::string() : found->second;
  };
  CHECK(c.ask("web-1", 2, 8)->permit == size(2, 8));  // until then the rest is kept for what it may have been promised
  c.clock.advance(std::chrono::seconds(31));
  c.until([&] { return told("free") == "6 CPU, 24Gi"; });
  CHECK(c.ask("web-1", 7, 8, size(2, 8))->permit == size(7, 8));
  const wire::Pod job = c.pod("job", 3, 1);
  CHECK(c.filter(job, {"n1"}).nodes.empty());
  c.clock.advance(std::chrono::seconds(2));
  CHECK(c.ask("web-1", 6, 8, size(7, 8))->permit == size(6, 8));
  c.clock.advance(std::chrono::seconds(2));
  CHECK(told("free") == "6 CPU, 24Gi");
  CHECK(c.ask("web-1", 3, 8, size(6, 8))->permit == size(3, 8));
  c.until([&] { return told("came") == "1"; });
  CHECK(told("free") == "5 CPU, 24Gi");
  CHECK(c.filter(job, {"n1"}).nodes == Names{"n1"});
  REQUIRE(c.bind(job, "n1"));
  // And by itself, when some time is over.
  c.clock.advance(std::chrono::seconds(31));
  c.until([&] { return told("free") == "2 CPU, 23Gi"; });
  CHECK(told("came") == "1");
}

TEST_CASE("a runner that no scheduler was asked about, or another one, is looked for where it would fit") {
  Cluster c;
  c.node("n1", 8, 32);
  c.vm("web", 2, 8);
  daemon::SchedulerSettings settings;
  settings.show_room = true;
  c.open_door(settings);
  const auto came = [&c] {
    const Object node = c.orchestrator.get(Kind::node, "n1", daemon::call_deadline()).value();
    const auto found = node.annotations.find("came");
    return found == node.annotations.end() ? std::string() : found->second;
  };
  c.clock.advance(std::chrono::seconds(31));
  const wire::Pod runner = c.runner_pod("web", "web-1");
  c.until([&] { return c.scheduler->view().runner("default/web-1") != nullptr; });
  CHECK(came().empty());
  c.clock.advance(std::chrono::seconds(6));
  c.until([&] { return came() == "1"; });
  // Bound by nobody knows whom or not at all: its place is kept, and it is looked for there.
  c.orchestrator.unavailable_for(1);
  CHECK_FALSE(c.bind(runner, "n1"));
  c.clock.advance(std::chrono::seconds(6));
  c.until([&] { return came() == "2"; });
  REQUIRE(c.bind(runner, "n1"));
  c.until([&] { return !c.scheduler->view().runner("default/web-1")->node.empty(); });
  c.clock.advance(std::chrono::minutes(2));
  c.until([&] { return c.reserved("n1") == size(2, 8); });
  CHECK(came() == "2");
}

TEST_CASE("two pods pass for the same room, one is bound") {
  Cluster c;
  c.node("n1", 4, 16);
  c.open_door();
  const wire::Pod a = c.pod("a", 3, 1), b = c.pod("b", 3, 1);
  CHECK(c.filter(a, {"n1"}).nodes == Names{"n1"});
  CHECK(c.filter(b, {"n1"}).nodes == Names{"n1"});
  REQUIRE(c.bind(a, "n1"));
  const Status refused = c.bind(b, "n1");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "n1 lacks 2 CPU");
  CHECK(c.reserved("n1") == size(3, 1));
  // Again: nothing happens a second time.
  REQUIRE(c.bind(a, "n1"));
  CHECK(c.reserved("n1") == size(3, 1));
}

TEST_CASE("a pod with the name of one that is still in the books is another one") {
  Cluster c;
  c.node("n1", 4, 16);
  c.node("n2", 4, 16);
  c.neighbour("default/db-0", "n1", 3, 1);
  c.open_door();
  c.until([&] { return c.reserved("n1") == size(3, 1); });
  const wire::Pod next = c.pod("db-0", 2, 1);
  CHECK(c.filter(next).nodes == Names{"n2"});
  CHECK(c.bind(next, "n2").error().code == Code::unavailable);
  CHECK(c.reserved("n2") == Resources{});
  REQUIRE(c.orchestrator.remove(Kind::neighbour, "default/db-0", daemon::call_deadline()));
  c.until([&] { return c.reserved("n1") == Resources{}; });
  REQUIRE(c.bind(next, "n2"));
  CHECK(c.reserved("n2") == size(2, 1));
}

TEST_CASE("a booking lives as long as the pod may have been bound, and no longer") {
  Cluster c;
  c.node("n1", 4, 16);
  c.open_door();
  const wire::Pod gone{"default", "gone", "uid-gone", "", size(2, 1), false, ""};
  (void)c.filter(gone, {"n1"});
  CHECK(c.bind(gone, "n1").error().code == Code::not_found);
  CHECK(c.reserved("n1") == Resources{});
  // Nobody knows whether this one was bound.
  const wire::Pod unsure = c.pod("unsure", 2, 1);
  (void)c.filter(unsure, {"n1"});
  c.orchestrator.unavailable_for(1);
  CHECK(c.bind(unsure, "n1").error().code == Code::unavailable);
  CHECK(c.reserved("n1") == size(2, 1));
  CHECK(c.filter(unsure, {"n1"}).nodes == Names{"n1"});
  CHECK(c.filter(unsure, {"n2"}).failed.at("n2") == "a place is kept for it on n1");
  c.clock.advance(std::chrono::minutes(2));
  c.until([&] { return c.reserved("n1") == Resources{}; });
}

TEST_CASE("after a restart a runner can be bound unseen, another pod is filtered again") {
  Cluster c;
  c.node("n1", 4, 16);
  c.vm("web", 2, 4);
  c.open_door();
  const wire::Pod runner = c.runner_pod("web", "web-1"), other = c.pod("other", 1, 1);
  (void)c.filter(runner, {"n1"});
  (void)c.filter(other, {"n1"});
  c.until([&] { return c.scheduler->view().runner("default/web-1") != nullptr; });
  c.door.reset();
  c.restart_scheduler();
  c.until([&] { return c.scheduler->ready(); });
  c.door.emplace(c.loop, c.orchestrator, *c.scheduler, c.metrics);
  CHECK_THAT(c.bind(other, "n1").error().message, Catch::Contains("filter it again"));
  REQUIRE(c.bind(runner, "n1"));
  CHECK(c.reserved("n1") == size(2, 4));
}

TEST_CASE("a runner that waits for a node holds nothing, and its end frees what was kept for it") {
  Cluster c;
  c.node("n1", 4, 16);
  c.vm("web", 2, 4);
  c.open_door();
  const wire::Pod pod = c.runner_pod("web", "web-1");
  c.until([&] { return c.scheduler->view().runner("default/web-1") != nullptr; });
  CHECK(c.reserved("n1") == Resources{});
  c.orchestrator.unavailable_for(1);
  CHECK_FALSE(c.bind(pod, "n1"));
  CHECK(c.reserved("n1") == size(2, 4));
  REQUIRE(c.orchestrator.stop_runner("default/web-1", {}, daemon::call_deadline()));
  c.until([&] { return c.reserved("n1") == Resources{}; });
}

TEST_CASE("a migration's target gets the place that was kept for it, with what its source holds") {
  Cluster c;
  c.node("n1", 8, 32);
  c.node("n2", 8, 32);
  c.vm("web", 2, 4);
  c.run("web", "default/web-1", "n1");
  c.open_door();
  c.until([&] { return c.reserved("n1") == size(2, 4); });
  REQUIRE(c.ask("default/web-1", 4, 8)->permit == size(4, 8));
  const Object vm = c.orchestrator.get(Kind::virtual_machine, "web", daemon::call_deadline()).value();
  REQUIRE(c.scheduler->choose({vm, "default/web-2", "", "n1"}, true).value() == "n2");
  const wire::Pod target = c.runner_pod("web", "web-2", RunnerRole::target);
  const auto result = c.filter(target);
  CHECK(result.nodes == Names{"n2"});
  CHECK(result.failed.at("n1") == "a place is kept for it on n2");
  REQUIRE(c.bind(target, "n2"));
  CHECK(c.reserved("n2") == size(4, 8));
}

TEST_CASE("nodes are scored as our own placement scores them, from 0 to 10") {
  Cluster c;
  c.node("n1", 10, 40);
  c.node("n2", 10, 40);
  c.neighbour("default/db", "n1", 7, 28);
  c.open_door();
  const auto scores = c.door->prioritize({c.pod("p", 1, 4), {"n1", "n2"}, {}});
  REQUIRE(scores);
  CHECK(*scores == std::vector<wire::HostScore>{{"n1", 10}, {"n2", 6}});
}

TEST_CASE("upstream's agents name namespace and pod apart; a pod without a VM gets no permit") {
  Cluster c;
  c.node("n1", 8, 32);
  c.vm("web", 2, 4);
  c.run("web", "default/web-1", "n1");
  c.neighbour("default/db", "n1", 1, 1);
  c.open_door();
  c.until([&] { return c.reserved("n1") == size(3, 5); });
  wire::PermitRequest request;
  request.runner = "web-1";
  request.compute_unit = default_compute_unit;
  request.wanted = size(3, 4);
  CHECK(c.scheduler->permit(request)->permit == size(3, 4));
  request.runner = "db";
  CHECK(c.scheduler->permit(request).error().code == Code::invalid_argument);
}

TEST_CASE("the routes: an answer, a refusal of nonsense, and a reason while nobody leads") {
  Cluster c;
  c.node("n1", 4, 16);
  c.scheduler.emplace(c.loop, c.orchestrator, c.world, c.metrics);
  c.scheduler->stand_by("another replica leads");
  c.door.emplace(c.loop, c.orchestrator, *c.scheduler, c.metrics);
  runtime::HttpServer server(c.loop);
  c.door->serve(server);
  const auto at = server.listen({runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0});
  REQUIRE(at);
  const auto post = [&](const std::string& path, const std::string& body) {
    std::optional<Result<runtime::HttpResponse>> answer;
    runtime::HttpRequest request{"POST", path, {}, body, ""};
    c.loop.off_loop([at = *at, request] { return runtime::http_call(at, request, daemon::call_deadline()); },
                    [&](Result<runtime::HttpResponse> response) { answer = std::move(response); });
    c.until([&] { return answer.has_value(); });
    return answer->value();
  };
  const std::string args = wire::encode(wire::ExtenderArgs{c.pod("p", 1, 1), {"n1"}, {}});
  CHECK(post("/filter", args).status == 503);
  CHECK(post("/filter", args).body == "another replica leads\n");
  CHECK(post("/bind", "{}").status == 503);
  c.scheduler->start();
  c.world.start();
  c.until([&] { return c.scheduler->ready(); });
  CHECK(wire::decode_extender_filter_result(post("/filter", args).body)->nodes == Names{"n1"});
  CHECK(wire::decode_host_scores(post("/prioritize", args).body)->size() == 1);
  CHECK(post("/filter", "{").status == 400);
  CHECK(post("/prioritize", "[]").status == 400);
  CHECK(post("/bind", R"({"PodName":"p"})").status == 400);
  const std::string binding = wire::encode(wire::ExtenderBinding{"p", "default", "uid-p", "n1"});
  CHECK(post("/bind", binding).body == R"({"Error":""})");
  CHECK(c.reserved("n1") == size(1, 1));
  CHECK_THAT(c.metrics.text(), Catch::Contains(R"(autoscaling_plugin_extension_call_fails_total{desired_availability_zone="",ignored_namespace="false",method="Filter",status="Error"} 3)"));
}
