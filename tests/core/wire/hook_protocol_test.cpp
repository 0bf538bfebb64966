#include "core/wire/hook_protocol.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

TEST_CASE("what a hook is asked") {
  const HookQuestion question{hook_schema, HookEvent::shrink, {MilliCpu{500}, Bytes{gib}}};
  CHECK(encode(question) == "{\"cpus\":1,\"event\":\"shrink\",\"memoryBytes\":1073741824,\"schema\":1,\"target\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"}}\n");
  CHECK(*decode_hook_question(encode(question)) == question);
}

TEST_CASE("what a hook may answer") {
  CHECK(*decode_hook_answer("") == HookAnswer{});
  CHECK(*decode_hook_answer(" \n\t") == HookAnswer{});
  CHECK(decode_hook_answer("{}")->ok);
  const auto no = decode_hook_answer(R"({"ok":false,"why":"a backup runs","floor":"1536Mi","mood":7})");
  REQUIRE(no);
  CHECK(*no == HookAnswer{false, "a backup runs", Bytes{1536 * mib}, {}, {}, {}, {}});
  CHECK(*decode_hook_answer(encode(*no)) == *no);
  CHECK(decode_hook_answer(R"({"workingSet":1048576})")->working_set == Bytes{mib});
  for (const char* bad : {"no", "[]", "7", R"({"ok":"no"})", R"({"floor":"much"})", R"({"workingSet":-1})", "{"}) {
    INFO(bad);
    CHECK_FALSE(decode_hook_answer(bad));
  }
}

TEST_CASE("what a hook may tell beside") {
  const auto told = decode_hook_answer(R"({"notices":["restart me"],"workingSetPages":[1,2.5],
      "metrics":[{"name":"redis_hits_total","type":"counter","help":"Hits","labels":{"db":"0 \"x\""},"value":7},{"name":"a:b","value":-1}]})");
  REQUIRE(told);
  CHECK(told->notices == std::vector<std::string>{"restart me"});
  CHECK(told->working_set_pages == std::vector<double>{1, 2.5});
  REQUIRE(told->metrics->size() == 2);
  CHECK(told->metrics->at(0) == HookMetric{"redis_hits_total", MetricType::counter, "Hits", {{"db", "0 \"x\""}}, 7});
  CHECK(told->metrics->at(1).type == MetricType::gauge);
  CHECK(*decode_hook_answer(encode(*told)) == *told);
  // Nothing of a kind is another word than no word.
  CHECK(decode_hook_answer(encode(*decode_hook_answer(R"({"notices":[]})")))->notices == std::vector<std::string>{});
  CHECK_FALSE(decode_hook_answer("{}")->notices);
}

TEST_CASE("what Prometheus would not read is refused with its place") {
  const auto [answer, place] = GENERATE(table<const char*, const char*>(
      {{R"({"metrics":[{"name":"7up","value":1}]})", "metrics[0].name"},
       {R"({"metrics":[{"name":"a","value":1},{"name":"a b","value":1}]})", "metrics[1].name"},
       {R"({"metrics":[{"name":"host_load1","value":1}]})", "metrics[0].name"},
       {R"({"metrics":[{"name":"a","labels":{"x-y":"z"},"value":1}]})", "metrics[0].labels"},
       {R"({"metrics":[{"name":"a","labels":{"__name__":"z"},"value":1}]})", "metrics[0].labels"},
       {R"({"metrics":[{"name":"a","type":"counter","value":-1}]})", "metrics[0].value"},
       {R"({"metrics":[{"name":"a","type":"histogram","value":1}]})", "metrics[0].type"},
       {R"({"metrics":[{"name":"a","value":"1"}]})", "metrics[0].value"},
       {R"({"metrics":{"a":1}})", "metrics"},
       {R"({"workingSetPages":[-1]})", "workingSetPages"},
       {R"({"notices":["1","2","3","4","5","6","7","8","9"]})", "notices"}}));
  INFO(answer);
  const auto refused = decode_hook_answer(answer);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find(place) != std::string::npos);
}
