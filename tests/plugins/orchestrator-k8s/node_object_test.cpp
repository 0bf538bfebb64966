// A Kubernetes Node as ours: what it may give, whether it takes VMs, where it is.
#include "core/wire/model_json.hpp"
#include "core/wire/node_status.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::k8s;

namespace {

std::string node(const std::string& status) {
  return R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"u","resourceVersion":"7","labels":{"zone":"a"}},"spec":{},"status":)" + status + "}";
}

std::vector<std::string> addresses(const std::string& status) {
  const auto object = decode(Kind::node, node(status));
  REQUIRE(object.ok());
  return wire::decode_node_status(object->status).value().addresses;
}

}  // namespace

TEST_CASE("a node's addresses are its internal ones, in its own order") {
  CHECK(addresses(R"({"addresses":[{"type":"Hostname","address":"n1"},{"type":"InternalIP","address":"fd00::1"},{"type":"ExternalIP","address":"192.0.2.1"},
                      {"type":"InternalIP","address":"10.0.0.1"},{"type":"InternalIP"},{"type":"InternalIP","address":7}]})") ==
        std::vector<std::string>{"fd00::1", "10.0.0.1"});
  CHECK(addresses(R"({})").empty());
  CHECK(addresses(R"({"addresses":"10.0.0.1"})").empty());
}

TEST_CASE("a node is what it may give, and takes VMs when it is ready and not cordoned") {
  const auto object = decode(Kind::node, node(R"({"allocatable":{"cpu":"3800m","memory":"1Gi"},"conditions":[{"type":"Ready","status":"True"}]})"));
  REQUIRE(object.ok());
  const auto found = wire::decode_node(*object);
  REQUIRE(found.ok());
  CHECK(found->capacity == Resources{MilliCpu{3800}, Bytes{gib}});
  CHECK(found->schedulable);
  CHECK(found->labels.at("zone") == "a");
  CHECK_FALSE(wire::decode_node(*decode(Kind::node, node(R"({"conditions":[{"type":"Ready","status":"Unknown"}]})")))->schedulable);
}

TEST_CASE("a node takes so many pods as its kubelet says, and any number if that says nothing") {
  const auto pods = [](const std::string& said) {
    const auto object = decode(Kind::node, node(R"({"allocatable":{)" + said + R"(},"conditions":[{"type":"Ready","status":"True"}]})"));
    REQUIRE(object.ok());
    return wire::decode_node(*object).value();
  };
  CHECK(pods(R"("pods":"110")").pods == 110);
  CHECK(pods(R"("pods":"1k")").pods == 1000);
  CHECK(pods("").pods == 0);
  CHECK(pods("").schedulable);
  CHECK_FALSE(pods(R"("pods":"0")").schedulable);
  const auto bad = decode(Kind::node, node(R"({"allocatable":{"pods":"many"}})"));
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().message.find("status.allocatable.pods") != std::string::npos);
}
