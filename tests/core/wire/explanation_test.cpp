#include "core/wire/explanation.hpp"

#include "core/wire/placement_protocol.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

TEST_CASE("an explanation comes back as it was told") {
  Explanation told;
  told.vm = "web";
  told.max = {MilliCpu{2000}, Bytes{4 * gib}};
  told.permit = Resources{MilliCpu{500}, Bytes{gib}};
  told.looks_again = std::chrono::milliseconds(1500);
  told.because = {{"cpu.load1", "load1 3.5"}};
  ExplainedDecision decision;
  decision.number = 7;
  decision.trigger = "sample";
  decision.revision = 12;
  decision.sample = GuestSample{};
  decision.sample->load1 = 3.5;
  decision.stages = {{"permit asked", "1 CPU, 2Gi", std::chrono::milliseconds(3)}};
  told.decisions = {decision};
  const auto read = decode_explanation(encode(told));
  REQUIRE(read);
  CHECK(read->permit == told.permit);
  CHECK(read->looks_again == told.looks_again);
  CHECK(read->because == told.because);
  CHECK(read->decisions == told.decisions);
  CHECK(read->decisions[0].sample->load1 == 3.5);
  CHECK(encode(*read) == encode(told));
}

TEST_CASE("a placement request carries the whole VM") {
  PlacementRequest request;
  request.vm.name = "web";
  request.vm.labels["a"] = "b";
  request.runner = "web-x1";
  request.away_from = "node1";
  const auto read = decode_placement_request(encode(request));
  REQUIRE(read);
  CHECK(read->vm.labels == request.vm.labels);
  CHECK(read->runner == "web-x1");
  CHECK(read->away_from == "node1");
  CHECK(decode_placement_request(R"({"runner":"x"})").error().code == Code::invalid_argument);
  CHECK(decode_placed(encode_placed("node2")).value() == "node2");
  CHECK(decode_release(encode_release("web-x1")).value() == "web-x1");
  CHECK(decode_release(R"({"runner":1})").error().code == Code::invalid_argument);
}

TEST_CASE("a refusal travels with its code") {
  const Error told{Code::out_of_capacity, "no node has 4 CPU free"};
  const Error read = decode_error(encode_error(told));
  CHECK(read.code == told.code);
  CHECK(read.message == told.message);
  CHECK(decode_error("<html>").code == Code::internal);
}
