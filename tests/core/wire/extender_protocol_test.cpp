#include "core/wire/extender_protocol.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

// As a kube-scheduler 1.20 sent it, shortened.
constexpr const char* seen =
    R"({"Pod":{"metadata":{"name":"p-vm","namespace":"default","uid":"92c6","resourceVersion":"326","labels":{"app":"x"},)"
    R"("managedFields":[{"manager":"kubectl"}]},"spec":{"volumes":[],"containers":[{"name":"c","image":"x","resources":)"
    R"({"requests":{"cpu":"1","memory":"1Gi"}}}],"schedulerName":"vm-scheduler","priority":0},)"
    R"("status":{"phase":"Pending","qosClass":"Burstable"}},"Nodes":{"metadata":{},"items":[{"metadata":{"name":"f1"},"spec":{}},)"
    R"({"metadata":{"name":"f2"},"spec":{"podCIDR":"x"}}]},"NodeNames":null})";

Resources requests(const std::string& spec) {
  const auto pod = decode_pod(R"({"metadata":{"name":"p"},"spec":)" + spec + "}");
  REQUIRE(pod);
  return pod->requests;
}

Resources size(std::uint32_t milli, std::uint64_t mibs) { return {MilliCpu{milli}, Bytes{mibs * mib}}; }

}  // namespace

TEST_CASE("extender: what a kube-scheduler sends is understood, and its nodes come back as they were") {
  const auto args = decode_extender_args(seen);
  REQUIRE(args);
  CHECK(args->pod == Pod{"default", "p-vm", "92c6", "", size(1000, 1024), false, ""});
  CHECK(args->nodes == std::vector<std::string>{"f1", "f2"});
  CHECK(encode(ExtenderFilterResult{{"f2"}, {{"f1", "lacks 1 CPU"}}, {}, ""}, *args) ==
        R"({"Error":"","FailedAndUnresolvableNodes":{},"FailedNodes":{"f1":"lacks 1 CPU"},"NodeNames":null,)"
        R"("Nodes":{"items":[{"metadata":{"name":"f2"},"spec":{"podCIDR":"x"}}],"metadata":{}}})");
}

TEST_CASE("extender: names alone are answered with names") {
  const auto args = decode_extender_args(R"({"Pod":{"metadata":{"name":"p"}},"Nodes":null,"NodeNames":["f1","f2"],"Later":1})");
  REQUIRE(args);
  CHECK(args->nodes == std::vector<std::string>{"f1", "f2"});
  const std::string answer = encode(ExtenderFilterResult{{"f1"}, {{"f2", "full"}}, {{"f2", "full"}}, ""}, *args);
  CHECK(answer == R"({"Error":"","FailedAndUnresolvableNodes":{"f2":"full"},"FailedNodes":{"f2":"full"},"NodeNames":["f1"],"Nodes":null})");
  CHECK(decode_extender_filter_result(answer)->failed.at("f2") == "full");
}

TEST_CASE("extender: scores and bindings") {
  CHECK(encode(std::vector<HostScore>{{"f1", 1}, {"f2", 10}}) == R"([{"Host":"f1","Score":1},{"Host":"f2","Score":10}])");
  const auto binding = decode_extender_binding(R"({"PodName":"n1","PodNamespace":"default","PodUID":"3c68","Node":"f2"})");
  REQUIRE(binding);
  CHECK(*binding == ExtenderBinding{"n1", "default", "3c68", "f2"});
  CHECK(encode_extender_binding_result("") == R"({"Error":""})");
  CHECK(*decode_extender_binding_result(R"({"Error":"full"})") == "full");
}

TEST_CASE("extender: what is wrong is named") {
  CHECK(decode_extender_args("[]").error().message == "Pod: is missing");
  CHECK(decode_extender_args(R"({"Pod":{}})").error().message == "Pod.metadata: is missing");
  CHECK_THAT(decode_extender_args(R"({"Pod":{"metadata":{"name":"p"}},"NodeNames":7})").error().message, Catch::Contains("NodeNames: expected a list"));
  CHECK_THAT(decode_extender_binding(R"({"PodName":"p"})").error().message, Catch::Contains("PodUID"));
  CHECK_THAT(decode_pod(R"({"metadata":{"name":"p"},"spec":{"containers":[{"resources":{"requests":{"cpu":"much"}}}]}})").error().message,
             Catch::Contains("spec.containers[0].resources.requests.cpu"));
}

TEST_CASE("pod: requests are counted as kube-scheduler counts them") {
  const std::string c = R"({"resources":{"requests":{"cpu":"250m","memory":"256Mi"}}})";
  CHECK(requests(R"({"containers":[)" + c + "," + c + "]}") == size(500, 512));
  CHECK(requests(R"({"containers":[{"resources":{"limits":{"cpu":"1"}}},{}]})") == Resources{});
  // An init container counts where it is more, a sidecar always.
  CHECK(requests(R"({"containers":[)" + c + R"(],"initContainers":[{"resources":{"requests":{"cpu":"2"}}}]})") == size(2000, 256));
  CHECK(requests(R"({"containers":[)" + c + R"(],"initContainers":[{"restartPolicy":"Always","resources":{"requests":{"cpu":"1"}}},)"
                 R"({"resources":{"requests":{"memory":"1Gi"}}}]})") == size(1250, 1024));
  CHECK(requests(R"({"containers":[)" + c + R"(],"overhead":{"cpu":"10m","memory":"64Mi"}})") == size(260, 320));
  CHECK(requests(R"({"containers":[)" + c + R"(],"resources":{"requests":{"cpu":"3"}}})") == size(3000, 256));
}

TEST_CASE("pod: a VM of upstream's counts with what its annotations say, one of ours by its runner") {
  const std::string annotations = R"("vm.neon.tech/resources":"{\"cpus\":{\"min\":1,\"max\":4,\"use\":\"500m\"},\"memorySlots\":{\"use\":2},)"
                                  R"(\"memorySlotSize\":\"1Gi\"}","internal.autoscaling.neon.tech/resources-approved":"{\"vCPUs\":2,\"mem\":\"1Gi\"}")";
  const auto decoded = [](const std::string& text, const std::string& label) {
    return decode_pod(R"({"metadata":{"name":"p","labels":{)" + label + R"(},"annotations":{)" + text + "}}}").value();
  };
  const std::string vm = R"("vm.neon.tech/name":"web")";
  CHECK(decoded(annotations, vm).requests == size(2000, 2048));
  CHECK(decoded(annotations, "").requests == Resources{});
  CHECK(decoded(R"("vm.neon.tech/resources":"{")", vm).requests == Resources{});
  const Pod ours = decoded(R"("neonvm.dev/runner-spec":"{}",)" + annotations, vm);
  CHECK(ours.runner_spec == "{}");
  CHECK(ours.requests == Resources{});
  CHECK(decode_pod(encode_pod(ours))->runner_spec == "{}");
}

TEST_CASE("pod: one that has ended says so") {
  CHECK(decode_pod(R"({"metadata":{"name":"p"},"spec":{"nodeName":"n1"},"status":{"phase":"Failed"}})")->ended);
  CHECK_FALSE(decode_pod(R"({"metadata":{"name":"p"},"spec":{"nodeName":"n1"},"status":{"phase":"Running"}})")->ended);
}
