// What is written of a VM's size on its pod, when, and what becomes of it when the server is away.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/runtime/http.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/pod_usage.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/usage_on_pods.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

using namespace std::chrono_literals;

// Takes every PATCH, and answers what it was told to.
class PatchServer {
 public:
  PatchServer() {
    server_.route("PATCH", "/", [this](const runtime::HttpRequest& request, runtime::Responder respond) {
      const std::lock_guard lock(mutex_);
      taken_.push_back(request.target + " " + request.body);
      const int status = answers_.empty() ? 200 : answers_.front();
      if (!answers_.empty()) answers_.erase(answers_.begin());
      bell_.notify_all();
      const Json refusal = {{"kind", "Status"}, {"code", status}, {"details", {{"kind", "pods"}, {"name", "web"}}}};
      respond({status, {{"content-type", "application/json"}}, status == 200 ? "{}" : refusal.dump()});
    });
    const auto at = server_.listen({runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0});
    REQUIRE(at.ok());
    Access access;
    access.server = "http://127.0.0.1:" + std::to_string(at->port);
    client_ = *ApiClient::open(access);
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~PatchServer() {
    loop_.stop();
    thread_.join();
  }
  void answer(std::vector<int> statuses) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(statuses);
  }
  // All that came, once there are so many.
  std::vector<std::string> taken(std::size_t count) {
    std::unique_lock lock(mutex_);
    CHECK(bell_.wait_for(lock, 20s, [&] { return taken_.size() >= count; }));
    return taken_;
  }
  [[nodiscard]] std::shared_ptr<ApiClient> client() const { return client_; }

 private:
  runtime::Loop loop_;
  runtime::HttpServer server_{loop_};
  std::mutex mutex_;
  std::condition_variable bell_;
  std::vector<std::string> taken_;
  std::vector<int> answers_;
  std::shared_ptr<ApiClient> client_;
  std::thread thread_;
};

ApiRequest patch(const std::string& word) { return {"tell " + word, "PATCH", "/" + word, word, "application/merge-patch+json"}; }

struct Warnings {
  std::mutex mutex;
  std::vector<std::string> told;
  std::function<void(const std::string&)> teller() {
    return [this](const std::string& text) {
      const std::lock_guard lock(mutex);
      told.push_back(text);
    };
  }
};

using Lines = std::vector<std::string>;

TEST_CASE("what is due later waits, and of two under one key the newer is written when the older was due") {
  PatchServer server;
  WrittenBehind behind(server.client());
  behind.put("later", patch("never"), nullptr, 1h);
  behind.put("one", patch("old"), nullptr, 1500ms);
  behind.put("one", patch("new"), nullptr, 1h);
  behind.put("two", patch("two"), nullptr);
  CHECK(server.taken(2) == Lines{"/two two", "/new new"});
}

TEST_CASE("what is not needed any more is not written") {
  PatchServer server;
  WrittenBehind behind(server.client());
  behind.put("one", patch("dropped"), nullptr, 1500ms);
  behind.put("two", patch("kept"), nullptr, 1501ms);
  behind.drop("one");
  CHECK(server.taken(1) == Lines{"/kept kept"});
}

TEST_CASE("a server that is away is asked again, and that is told once; what is gone is forgotten") {
  PatchServer server;
  Warnings warnings;
  WrittenBehind behind(server.client());
  server.answer({500, 500, 200, 404, 409, 403});
  behind.put("one", patch("again"), warnings.teller());
  CHECK(server.taken(3).size() == 3);
  for (const char* word : {"gone", "other", "forbidden", "last"}) {
    const std::size_t before = server.taken(3).size();
    behind.put(word, patch(word), warnings.teller());
    CHECK(server.taken(before + 1).back() == "/" + std::string(word) + " " + word);
  }
  const std::lock_guard lock(warnings.mutex);
  REQUIRE(warnings.told.size() == 2);
  CHECK(warnings.told[0].find("trying again") != std::string::npos);
  CHECK(warnings.told[1].find("tell forbidden") != std::string::npos);
}

// A VM with so many CPUs, and its pod as that was made for one CPU.
struct Pair {
  Object vm, pod;

  explicit Pair(double cpus) {
    vm.kind = Kind::virtual_machine;
    vm.name = "web";
    vm.uid = "vm-uid";
    resize(cpus);
    pod.kind = Kind::runner;
    pod.ns = "prod";
    pod.name = "web-x7";
    pod.uid = "pod-uid";
    pod.owner_uid = vm.uid;
    pod.annotations = Pair::texts(1);
  }
  void resize(double cpus) { vm = sized(vm, cpus); }
  static Object sized(Object object, double cpus) {
    VmSpec spec;
    spec.cpu = {MilliCpu{1000}, MilliCpu{static_cast<std::uint32_t>(1000 * cpus)}, MilliCpu{8000}};
    spec.memory = {Bytes{gib}, Bytes{gib}, Bytes{4 * gib}, Bytes{gib}};
    wire::encode_vm_spec(spec, object);
    return object;
  }
  static std::map<std::string, std::string> texts(double cpus) {
    const Object object = sized({}, cpus);
    return wire::encode(wire::pod_usage(wire::decode_vm_spec(object).value(), object.spec));
  }
};

constexpr const char* pod_path = "/api/v1/namespaces/prod/pods/web-x7 ";

TEST_CASE("a pod is told what its VM asks for, whichever of the two is seen first") {
  for (const bool vm_first : {true, false}) {
    PatchServer server;
    UsageOnPods usage(std::make_shared<WrittenBehind>(server.client()), 0s);
    const Pair pair(3);
    usage.saw(vm_first ? pair.vm : pair.pod, false, nullptr);
    usage.saw(vm_first ? pair.pod : pair.vm, false, nullptr);
    const std::string taken = server.taken(1).front();
    REQUIRE(taken.starts_with(pod_path));
    const Json body = Json::parse(taken.substr(std::string(pod_path).size()));
    CHECK(body["metadata"]["uid"] == "pod-uid");
    CHECK(body["metadata"]["annotations"][wire::usage_annotation] == Pair::texts(3)[wire::usage_annotation]);
    CHECK(body["metadata"]["annotations"][wire::overcommit_annotation].is_null());
  }
}

TEST_CASE("a VM that is back where it was costs no write, nor does a pod that is true or going") {
  PatchServer server;
  const auto behind = std::make_shared<WrittenBehind>(server.client());
  UsageOnPods usage(behind, 1500ms);
  Pair pair(3);
  usage.saw(pair.pod, false, nullptr);
  usage.saw(pair.vm, false, nullptr);
  pair.resize(1);
  usage.saw(pair.vm, false, nullptr);
  Pair going(5);
  going.vm.uid = going.pod.owner_uid = "other-vm";
  going.pod.uid = "other-pod";
  usage.saw(going.vm, false, nullptr);
  usage.saw(going.pod, false, nullptr);
  going.pod.deleting = WallTime{};
  usage.saw(going.pod, false, nullptr);
  behind->put("last", patch("last"), nullptr, 1501ms);
  CHECK(server.taken(1) == Lines{"/last last"});
}

TEST_CASE("of a VM that changes all the time what it is at the time is written, and not put off") {
  PatchServer server;
  const auto behind = std::make_shared<WrittenBehind>(server.client());
  UsageOnPods usage(behind, 1500ms);
  Pair pair(2);
  usage.saw(pair.pod, false, nullptr);
  for (const double cpus : {2.0, 3.0, 4.0}) {
    pair.resize(cpus);
    usage.saw(pair.vm, false, nullptr);
  }
  behind->put("last", patch("last"), nullptr, 1501ms);
  const auto taken = server.taken(2);
  CHECK(taken[0].find("\\\"cpu\\\":\\\"4\\\"") != std::string::npos);
  CHECK(taken[1] == "/last last");
}

}  // namespace
}  // namespace neonvm::k8s
