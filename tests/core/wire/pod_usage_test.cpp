// The annotations that upstream's scheduler and cluster-autoscaler read on a pod.
#include "core/wire/pod_usage.hpp"

#include <nlohmann/json.hpp>

#include "core/wire/service_place.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using nlohmann::json;

TEST_CASE("usage and resources tell of the spec, in the words of upstream's controller") {
  VmSpec spec;
  spec.cpu = {MilliCpu{250}, MilliCpu{1500}, MilliCpu{4000}};
  spec.memory = {Bytes{gib}, Bytes{2 * gib}, Bytes{8 * gib}, Bytes{gib}};
  const auto texts = wire::encode(wire::pod_usage(spec, "{}"));
  REQUIRE(texts.size() == 2);
  CHECK(json::parse(texts.at("vm.neon.tech/usage")) == json{{"cpu", "1500m"}, {"memory", "2Gi"}});
  CHECK(json::parse(texts.at("vm.neon.tech/resources")) == json{{"cpus", {{"min", "250m"}, {"max", 4}, {"use", "1500m"}}},
                                                              {"memorySlots", {{"min", 1}, {"max", 8}, {"use", 2}}},
                                                              {"memorySlotSize", "1Gi"}});
}

TEST_CASE("overcommit is there when the VM has it, as it stands") {
  const auto texts = wire::encode(wire::pod_usage({}, R"({"overcommit":{"cpu":"2500m","memory":1.5}})"));
  CHECK(json::parse(texts.at("vm.neon.tech/overcommit")) == json{{"cpu", "2500m"}, {"memory", 1.5}});
  CHECK(wire::encode(wire::pod_usage({}, R"({"overcommit":null})")).count("vm.neon.tech/overcommit") == 0);
  CHECK(wire::encode(wire::pod_usage({}, "{")).size() == 2);
}

TEST_CASE("a place of a service comes back as it went") {
  const ServicePlace place{"neonvm-scheduler", "fd00::7", {{"permits", 10299}, {"extender", 10298}}};
  CHECK(*wire::decode_service_place(wire::encode(place)) == place);
  CHECK(wire::decode_service_place(R"({"service":"x","address":"y","ports":{"p":70000}})").error().message == "ports.p: is not a port");
  CHECK(wire::decode_service_place(R"({"service":"x","ports":{}})").error().message == "address: is not a text");
}
