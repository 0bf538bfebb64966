// What of a server's JSON is left unread.
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

// Another list of that name inside, brackets and quotes in texts.
constexpr const char* managed = R"("managedFields":[{"manager":"a]\"[b","fieldsV1":{"f:spec":{"x":[[1],["]"]]}}},{"managedFields":[[]]}])";

std::string vm(const std::string& more_metadata, const std::string& version) {
  return R"({"apiVersion":"vm.neon.tech/v1","kind":"VirtualMachine","metadata":{"name":"web","uid":"u-1",)" + more_metadata + R"("resourceVersion":")" + version +
         R"(","annotations":{"note":"\"managedFields\":[ is a text"}},"spec":{"guest":{}}})";
}

TEST_CASE("object: who wrote which field is skipped, wherever it stands, and nothing else") {
  const auto with = decode(Kind::virtual_machine, vm(managed + std::string(","), "7")), without = decode(Kind::virtual_machine, vm("", "7"));
  INFO((with ? "" : with.error().message));
  REQUIRE(with.ok());
  REQUIRE(without.ok());
  CHECK(with->annotations.at("note") == "\"managedFields\":[ is a text");
  CHECK(with->annotations == without->annotations);
  CHECK(with->spec == without->spec);
  CHECK(with->version == 7);

  const auto event = decode_event(Kind::virtual_machine, R"({"type":"ADDED","object":)" + vm(managed + std::string(","), "8") + "}");
  REQUIRE(event.ok());
  CHECK(event->object.version == 8);
  const auto list = decode_list(Kind::virtual_machine, R"({"metadata":{"resourceVersion":"9"},"items":[)" + vm(managed + std::string(","), "7") + "," + vm(managed + std::string(","), "8") + "]}");
  REQUIRE(list.ok());
  REQUIRE(list->objects.size() == 2);
  CHECK(list->objects.back().version == 8);
}

TEST_CASE("object: one that is cut in the middle of who wrote what is not read") {
  for (const char* cut : {R"({"metadata":{"managedFields":[)", R"({"metadata":{"managedFields":[{"a":"\)", R"({"metadata":{"managedFields":[]})"})
    CHECK_FALSE(decode(Kind::virtual_machine, cut).ok());
}

TEST_CASE("object: what nobody reads may be as deep as it likes") {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += R"({"f:a":)";
  deep += "1" + std::string(200, '}');
  CHECK(decode(Kind::virtual_machine, vm(R"("managedFields":[)" + deep + "],", "7")).ok());
  CHECK_FALSE(decode(Kind::virtual_machine, vm(R"("labels":)" + deep + ",", "7")).ok());
}

}  // namespace
}  // namespace neonvm::k8s
