// What goes wrong with a real API server.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"
#include "plugins/orchestrator-k8s/ssh_secret.hpp"
#include "tests/plugins/orchestrator-k8s/real_server.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::k8s {
namespace {

using contracts::runner_object;
using contracts::vm_object;

// The next change, whatever outage lies before it.
Change await_change(Watch& watch) {
  const Deadline deadline = in_time();
  while (true) {
    auto change = watch.next(deadline);
    INFO((change ? "no change came" : change.error().message));
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    if (change && *change) return **change;
  }
}

std::unique_ptr<Watch> synced_watch(Orchestrator& door) {
  auto watch = door.watch(Kind::virtual_machine, in_time());
  INFO((watch ? "" : watch.error().message));
  REQUIRE(watch.ok());
  while (await_change(**watch).kind != ChangeKind::synced) {
  }
  return std::move(*watch);
}

void must_create(Orchestrator& door, const std::string& name) {
  const Deadline deadline = in_time();
  while (true) {
    const auto made = door.create(vm_object(name), deadline);
    if (made || made.error().code == Code::already_exists) return;
    INFO(made.error().message);
    REQUIRE(is_transient(made.error().code));
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

TEST_CASE("a watch goes on where it was after the API server was killed") {
  const auto door = open_door(fresh_namespace());
  const auto watch = synced_watch(*door);
  must_create(*door, "before");
  CHECK(await_change(*watch).object.name == "before");
  bench("restart --hard kube-apiserver");
  must_create(*door, "after");
  const Change change = await_change(*watch);
  CHECK(change.kind == ChangeKind::added);
  CHECK(change.object.name == "after");
}

TEST_CASE("a watch whose place was compacted away delivers the difference, deletions included") {
  const auto door = open_door(fresh_namespace());
  must_create(*door, "gone");
  must_create(*door, "kept");
  const auto watch = synced_watch(*door);
  // The watch is cut, and not pulled while the world changes; the next server knows only what is in etcd.
  bench("restart --hard kube-apiserver");
  REQUIRE(door->remove(Kind::virtual_machine, "gone", in_time()).ok());
  must_create(*door, "fresh");
  bench("compact");
  bench("restart --hard kube-apiserver");
  std::vector<Change> changes;
  while (changes.size() < 2) {
    Change change = await_change(*watch);
    if (change.kind != ChangeKind::synced) changes.push_back(std::move(change));
  }
  bool deleted = false, added = false;
  for (const Change& change : changes) {
    deleted = deleted || (change.kind == ChangeKind::deleted && change.object.name == "gone");
    added = added || (change.kind == ChangeKind::added && change.object.name == "fresh");
  }
  CHECK(deleted);
  CHECK(added);
}

TEST_CASE("of two writers one is told of the conflict, and other software's finalizers stay") {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns), other = open_door(ns);
  Object object = *door->create(vm_object("web"), in_time());
  const auto client = *ApiClient::open(server_access());
  must_call(*client, {"add a finalizer", "PATCH", "/apis/vm.neon.tech/v1/namespaces/" + ns + "/virtualmachines/web",
                      R"({"metadata":{"finalizers":["other.example/one"]}})", "application/merge-patch+json"});
  CHECK(door->update(object, in_time()).error().code == Code::conflict);
  object = *door->get(Kind::virtual_machine, "web", in_time());
  object.finalizer = true;
  object.spec = R"({"a":2})";
  const auto updated = door->update(object, in_time());
  REQUIRE(updated.ok());
  CHECK(other->update_status(object, in_time()).error().code == Code::conflict);
  ApiRequest read;
  read.what = "read";
  read.target = "/apis/vm.neon.tech/v1/namespaces/" + ns + "/virtualmachines/web";
  const std::string stored = must_call(*client, read);
  CHECK(stored.find("other.example/one") != std::string::npos);
  CHECK(stored.find("vm.neon.tech/finalizer") != std::string::npos);
  REQUIRE(door->remove(Kind::virtual_machine, "web", in_time()).ok());
  object = *door->get(Kind::virtual_machine, "web", in_time());
  object.finalizer = false;
  REQUIRE(door->update(object, in_time()).ok());
  CHECK(door->get(Kind::virtual_machine, "web", in_time())->deleting.has_value());
}

namespace {

// What the server has been asked by this method, as it counts it.
double asked_by(ApiClient& client, const std::string& method, const std::string& resource = "virtualmachines") {
  ApiRequest read;
  read.what = "metrics";
  read.target = "/metrics";
  std::istringstream lines(must_call(client, read));
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto says = [&line](const std::string& text) { return line.find(text) != std::string::npos; };
    if (says("apiserver_request_total{") && says("resource=\"" + resource + "\"") && says("verb=\"" + method + "\"")) sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

}  // namespace

TEST_CASE("the finalizer comes and goes with one request each") {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns);
  const auto client = *ApiClient::open(server_access());
  Object object = *door->create(vm_object("web"), in_time());
  const double patches = asked_by(*client, "PATCH"), puts = asked_by(*client, "PUT");
  object.finalizer = true;
  const auto held = door->update(object, in_time());
  REQUIRE(held.ok());
  CHECK(held->finalizer);
  Object free = *held;
  free.finalizer = false;
  const auto freed = door->update(free, in_time());
  REQUIRE(freed.ok());
  CHECK_FALSE(freed->finalizer);
  CHECK(asked_by(*client, "PATCH") == patches + 2);
  CHECK(asked_by(*client, "PUT") == puts);
}

TEST_CASE("a lease is renewed with one request, and lost when somebody else wrote it") {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns), other = open_door(ns);
  const auto client = *ApiClient::open(server_access());
  const auto hold = [](Orchestrator& by, const std::string& holder) { return by.hold_lease("lead", holder, std::chrono::hours(1), in_time()); };
  REQUIRE(hold(*door, "a").value_or(false));
  const double reads = asked_by(*client, "GET", "leases"), writes = asked_by(*client, "PUT", "leases");
  REQUIRE(hold(*door, "a").value_or(false));
  REQUIRE(hold(*door, "a").value_or(false));
  CHECK(asked_by(*client, "GET", "leases") == reads);
  CHECK(asked_by(*client, "PUT", "leases") == writes + 2);
  CHECK_FALSE(hold(*other, "b").value_or(true));
  REQUIRE(other->release_lease("lead", "a", in_time()).ok());
  REQUIRE(hold(*other, "b").value_or(false));
  CHECK_FALSE(hold(*door, "a").value_or(true));
  CHECK_FALSE(hold(*door, "a").value_or(true));
  REQUIRE(hold(*other, "b").value_or(false));
}

// No collector of garbage runs beside these tests.
TEST_CASE("a VM's own Secrets go before it does, others of their names stay") {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns);
  const auto client = *ApiClient::open(server_access());
  const auto secret = [&](const std::string& name) { return client->call(read_request(ns, name), in_time()); };
  const auto end = [&](const std::string& name) {
    Object vm = *door->get(Kind::virtual_machine, name, in_time());
    vm.finalizer = true;
    REQUIRE(door->update(vm, in_time()).ok());
    REQUIRE(door->remove(Kind::virtual_machine, name, in_time()).ok());
    vm = *door->get(Kind::virtual_machine, name, in_time());
    REQUIRE(vm.deleting);
    vm.finalizer = false;
    REQUIRE(door->update(vm, in_time()).ok());
    CHECK(door->get(Kind::virtual_machine, name, in_time()).error().code == Code::not_found);
  };
  const Object vm = *door->create(vm_object("web", R"({"guest":{"rootDisk":{"image":"i"}}})"), in_time());
  RunnerSecrets secrets(client, ns);
  REQUIRE(secrets.ensure(ns, "web", vm.uid, true, in_time()).ok());
  REQUIRE(ensure_ssh_secret(*client, ns, "web", vm.uid, true, in_time()).ok());
  end("web");
  CHECK(secret(runner_secret_name("web")).error().code == Code::not_found);
  CHECK(secret(ssh_secret_name("web")).error().code == Code::not_found);
  // One that a user brought.
  must_create(*door, "db");
  Json own = secret_of(ns, runner_secret_name("db"), {{"token", "x"}});
  must_call(*client, {"bring a Secret", "POST", "/api/v1/namespaces/" + ns + "/secrets", dump(own)});
  end("db");
  CHECK(secret(runner_secret_name("db")).ok());
}

TEST_CASE("a server of another authority is refused, and so is a stranger") {
  Access access = server_access();
  SECTION("no authority of ours signed it") {
    access.tls.ca_pem.clear();
    access.tls.ca.clear();
    const auto refused = open_door("default", access)->list(Kind::virtual_machine, in_time());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::permission_denied);
    CHECK(refused.error().message.find("certificate") != std::string::npos);
  }
  SECTION("a token that is none") {
    access.tls.certificate_pem = access.tls.key_pem = "";
    access.tls.certificate = access.tls.key = "";
    access.token = "hunter2";
    const auto refused = open_door("default", access)->watch(Kind::virtual_machine, in_time());
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Code::permission_denied);
    CHECK(refused.error().message.find("hunter2") == std::string::npos);
  }
}

// Of seven VMs, read by pages of three.
std::unique_ptr<K8sWatch> seven_by_three() {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns);
  for (int i = 0; i < 7; ++i) must_create(*door, "vm" + std::to_string(i));
  WatchOptions options;
  options.ns = ns;
  options.page = 3;
  auto watch = K8sWatch::open(*ApiClient::open(server_access()), options, in_time());
  REQUIRE(watch.ok());
  return std::move(*watch);
}

TEST_CASE("a list longer than a page is read whole") {
  const auto watch = seven_by_three();
  int added = 0;
  while (await_change(*watch).kind == ChangeKind::added) ++added;
  CHECK(added == 7);
}

// Read whole before a watch counts as open, a list that takes longer than the call that opens it would be read from its beginning for ever.
TEST_CASE("what lies behind a list's first page is read as changes are") {
  const auto watch = seven_by_three();
  bench("pause kube-apiserver");
  int added = 0;
  while (true) {
    const auto change = watch->next(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    if (!change || !*change) break;
    ++added;
  }
  bench("resume kube-apiserver");
  CHECK(added == 3);
  while (await_change(*watch).kind == ChangeKind::added) ++added;
  CHECK(added == 7);
}

TEST_CASE("a silent server is noticed, and the watch goes on when it speaks again") {
  const std::string ns = fresh_namespace();
  WatchOptions options;
  options.ns = ns;
  options.lifetime = std::chrono::seconds(1);
  options.silence = std::chrono::seconds(2);
  std::string warned;
  options.warn = [&warned](const std::string& text) { warned += text + "\n"; };
  auto watch = K8sWatch::open(*ApiClient::open(server_access()), options, in_time());
  REQUIRE(watch.ok());
  CHECK(await_change(**watch).kind == ChangeKind::synced);
  bench("pause kube-apiserver");
  const Deadline deadline = in_time();
  while (warned.find("silent") == std::string::npos && std::chrono::steady_clock::now() < deadline) {
    (void)(*watch)->next(std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
  }
  bench("resume kube-apiserver");
  CHECK(warned.find("silent") != std::string::npos);
  must_create(*open_door(ns), "late");
  CHECK(await_change(**watch).object.name == "late");
}

TEST_CASE("a runner is a pod, as its kubelet says it is") {
  const std::string ns = fresh_namespace();
  const auto door = open_door(ns);
  const auto client = *ApiClient::open(server_access());
  const Deadline deadline = in_time();
  CHECK(door->runner_access("web", deadline).error().code == Code::not_found);
  Object wish = runner_object("web-1", "web");
  CHECK(door->start_runner(wish, deadline).error().code == Code::not_found);  // of a VM that is not there
  wish.owner_uid = door->create(vm_object("web"), deadline)->uid;
  auto spec = *wire::decode_runner_spec(wish.spec);
  spec.vm_uid = wish.owner_uid;
  wish.spec = wire::encode(spec);
  auto started = door->start_runner(wish, deadline);
  // The namespace's service account comes some moments after it.
  while (!started && started.error().code == Code::permission_denied && std::chrono::steady_clock::now() < deadline) {
    started = door->start_runner(wish, deadline);
  }
  INFO((started ? "" : started.error().message));
  REQUIRE(started.ok());
  CHECK(started->labels == wish.labels);
  CHECK(started->owner_uid == wish.owner_uid);
  CHECK(wire::decode_runner_spec(started->spec)->vm == "web");
  CHECK(door->start_runner(wish, deadline).error().code == Code::already_exists);
  std::vector<std::future<Result<std::vector<Object>>>> at_once;  // some of them with one list
  for (const std::string vm : {"web", "other", "web", "other", "web", "other"})
    at_once.push_back(std::async(std::launch::async, [&door, vm, deadline] { return door->list_runners(vm, deadline); }));
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    const auto found = at_once[i].get();
    INFO((found ? "" : found.error().message));
    REQUIRE(found.ok());
    const bool there = std::any_of(found->begin(), found->end(), [](const Object& each) { return each.name == "web-1"; });
    CHECK((there || i % 2 == 1));
  }
  const auto access = door->runner_access("web", deadline);
  REQUIRE(access.ok());
  CHECK(access->token.size() == 64);
  CHECK(access->server_name == wish.owner_uid + ".runner.neonvm.dev");
  CHECK(runtime::read_certificate(access->authority)->authority);
  const auto say = [&](const std::string& status) {
    must_call(*client, {"play kubelet", "PATCH", "/api/v1/namespaces/" + ns + "/pods/web-1/status", "{\"status\":" + status + "}",
                        "application/merge-patch+json"});
    return *wire::decode_runner_status(door->get(Kind::runner, "web-1", deadline)->status);
  };
  const std::string container = R"("name":"neonvm-runner","image":"i","imageID":"","restartCount":0)";
  const auto running = say(R"({"phase":"Running","podIP":"10.1.2.3","containerStatuses":[{)" + container +
                             R"(,"ready":true,"state":{"running":{}}}]})");
  CHECK(running.phase == RunnerPhase::running);
  CHECK(running.endpoint == "https://10.1.2.3:25183");
  const auto failed = say(R"({"phase":"Failed","containerStatuses":[{)" + container +
                          R"(,"ready":false,"state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})");
  CHECK(failed.phase == RunnerPhase::failed);
  CHECK(failed.exit_reason == "exit code 137 (OOMKilled)");
  CHECK(failed.vm_ended);
  REQUIRE(door->stop_runner("web-1", std::chrono::seconds(0), deadline).ok());
  CHECK(door->get(Kind::runner, "web-1", deadline).error().code == Code::not_found);
  CHECK(door->stop_runner("web-1", std::chrono::seconds(0), deadline).ok());
}

}  // namespace
}  // namespace neonvm::k8s
