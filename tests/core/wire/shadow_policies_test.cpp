#include "core/wire/shadow_policies.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;

TEST_CASE("shadow policies stand in an annotation, one a line") {
  Object object;
  CHECK(wire::decode_shadow_policies(object)->empty());
  const std::vector<wire::NamedPolicy> two{{"pressure", {{"calm", "15"}}}, {"./a,b.so", {}}};
  wire::encode_shadow_policies(two, object);
  CHECK(object.annotations.at(wire::shadow_policies_key) == "pressure,calm=15\n./a\\,b.so");
  CHECK(wire::decode_shadow_policies(object).value() == two);
  wire::encode_shadow_policies({}, object);
  CHECK(object.annotations.empty());
}

TEST_CASE("a shadow policy that cannot be read names its line") {
  Object object;
  object.annotations[wire::shadow_policies_key] = "pressure\n\npressure,calm";
  CHECK(wire::decode_shadow_policies(object).error().message ==
        "annotation neonvm.dev/shadow-policies, line 3: \"calm\" is not key=value; give NAME[,key=value...]");
  CHECK(wire::parse_named_policy("a\nb").error().code == Code::invalid_argument);
}
