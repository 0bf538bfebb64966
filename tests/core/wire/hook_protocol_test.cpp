#include "core/wire/hook_protocol.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

TEST_CASE("what a hook is asked") {
  const HookQuestion question{hook_schema, HookEvent::shrink, {MilliCpu{500}, Bytes{gib}}};
  CHECK(encode(question) == "{\"event\":\"shrink\",\"schema\":1,\"target\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"}}\n");
  CHECK(*decode_hook_question(encode(question)) == question);
}

TEST_CASE("what a hook may answer") {
  CHECK(*decode_hook_answer("") == HookAnswer{});
  CHECK(*decode_hook_answer(" \n\t") == HookAnswer{});
  CHECK(decode_hook_answer("{}")->ok);
  const auto no = decode_hook_answer(R"({"ok":false,"why":"a backup runs","floor":"1536Mi","mood":7})");
  REQUIRE(no);
  CHECK(*no == HookAnswer{false, "a backup runs", Bytes{1536 * mib}, std::nullopt});
  CHECK(*decode_hook_answer(encode(*no)) == *no);
  CHECK(decode_hook_answer(R"({"workingSet":1048576})")->working_set == Bytes{mib});
  for (const char* bad : {"no", "[]", "7", R"({"ok":"no"})", R"({"floor":"much"})", R"({"workingSet":-1})", "{"}) {
    INFO(bad);
    CHECK_FALSE(decode_hook_answer(bad));
  }
}
