#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/qualified_names.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::k8s;

namespace {

std::string pod_json(const std::string& node, const std::string& phase) {
  return R"({"metadata":{"name":"db.0","namespace":"prod","uid":"u-1","resourceVersion":"7"},"spec":{"nodeName":")" + node +
         R"(","containers":[{"resources":{"requests":{"cpu":"1500m","memory":"2Gi"}}},{"resources":{"requests":{"cpu":"1"}}}]},)" +
         R"("status":{"phase":")" + phase + R"("}})";
}

}  // namespace

TEST_CASE("neighbour: what somebody else's pod has reserved, and where") {
  const auto object = decode(Kind::neighbour, pod_json("n1", "Running"));
  REQUIRE(object);
  CHECK(object->uid == "u-1");
  CHECK(object->version == 7);
  CHECK(*wire::decode_neighbour(object->spec) == Neighbour{"n1", {MilliCpu{2500}, Bytes{2 * gib}}});
  const Object named = qualified(*object);
  CHECK(named.name == "prod/db.0");
  // It crosses to the daemons as text.
  CHECK(*wire::decode_object(wire::encode_object(named)) == named);
}

TEST_CASE("neighbour: one that has ended, or waits for a node, takes nothing") {
  CHECK(wire::decode_neighbour(decode(Kind::neighbour, pod_json("n1", "Succeeded"))->spec)->reserved == Resources{});
  CHECK(wire::decode_neighbour(decode(Kind::neighbour, pod_json("", "Pending"))->spec)->reserved == Resources{});
}

TEST_CASE("neighbour: the server is asked for those that count") {
  CHECK(collection_path(Kind::neighbour, "") == "/api/v1/pods");
  CHECK(selector_of(Kind::neighbour) == "!neonvm.dev/runner-role");
  CHECK(field_selector_of(Kind::neighbour) == "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed");
  CHECK(field_selector_of(Kind::runner).empty());
}
