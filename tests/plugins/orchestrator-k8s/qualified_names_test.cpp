// Names of many namespaces, there and back.
#include <rapidcheck.h>

#include "plugins/orchestrator-k8s/qualified_names.hpp"
#include "plugins/orchestrator-k8s/settings.hpp"
#include "plugins/orchestrator-k8s/webhook_trust.hpp"
#include "core/runtime/certificates.hpp"
#include "core/wire/base64.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

Object object_of(Kind kind, const std::string& spec, const std::string& status) {
  Object object;
  object.kind = kind;
  object.ns = "prod";
  object.name = "web";
  object.spec = spec;
  object.status = status;
  return object;
}

TEST_CASE("qualified names: what objects say of each other is renamed with them, and back") {
  const std::vector<Object> all{
      object_of(Kind::virtual_machine, R"({"guest":{}})", R"({"migration":"m","podName":"web-x7"})"),
      object_of(Kind::migration, R"({"vmName":"web"})", R"({"sourcePodName":"web-a","targetPodName":"web-b"})"),
      object_of(Kind::runner, R"({"node":"node1","vm":"web"})", "{}"), object_of(Kind::virtual_machine, "{}", "{}")};
  for (const Object& object : all) {
    const Object seen = qualified(object);
    CHECK(seen.name == "prod/web");
    const auto back = plain(seen);
    REQUIRE(back.ok());
    CHECK(*back == object);
  }
  CHECK(qualified(all[0]).status == R"({"migration":"prod/m","podName":"prod/web-x7"})");
  CHECK(qualified(all[1]).spec == R"({"vmName":"prod/web"})");
  CHECK(qualified(all[2]).spec == R"({"node":"node1","vm":"prod/web"})");
  CHECK(qualified(object_of(Kind::node, "{}", "{}")).name == "web");
}

TEST_CASE("qualified names: a namesake elsewhere is not taken for one's own") {
  Object migration = object_of(Kind::migration, R"({"vmName":"tenants/web"})", "{}");
  migration.name = "prod/m";
  CHECK(plain(migration)->spec == R"({"vmName":"tenants/web"})");
  for (const char* bad : {"web", "/web", "prod/", "a/b/c", ""}) CHECK_FALSE(split_name(bad).ok());
}

TEST_CASE("names beside a name stay in its namespace and within a label") {
  rc::check([] {
    const auto length = *rc::gen::inRange<std::size_t>(1, 64);
    const std::string name = "prod/" + std::string(length, 'a');
    const std::string made = name_beside(name, "schedplugin-", "-x7b2c");
    RC_ASSERT(made.starts_with("prod/schedplugin-a"));
    RC_ASSERT(made.ends_with("-x7b2c"));
    RC_ASSERT(check_name(short_name(made)).ok());
  });
  CHECK(name_beside("web", "", "-1") == "web-1");
  CHECK(short_name("prod/web") == "web");
  CHECK(short_name("web") == "web");
}

TEST_CASE("settings: one namespace or all of them") {
  CHECK(read_settings({{"namespace", "*"}})->ns == all_namespaces);
  CHECK(read_settings({{"namespace", "prod"}})->pod.own_namespace == "neonvm-system");
  CHECK_FALSE(read_settings({{"namespace", "Prod*"}}).ok());
  CHECK_THAT(read_settings({{"runner_image", "x"}}).error().message, Catch::Contains("kvmResource"));
}

std::string bundle_in(const std::string& configuration) { return text_at(Json::parse(configuration), "/webhooks/0/clientConfig/caBundle"); }

TEST_CASE("webhook trust: ours replaces nothing and ours, and leaves others' alone") {
  const WallTime now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto ours = runtime::make_authority("neonvm", now, std::chrono::hours(1))->certificate;
  const auto older = runtime::make_authority("neonvm", now, std::chrono::hours(1))->certificate;
  const auto other = runtime::make_authority("cert-manager", now, std::chrono::hours(1))->certificate;
  const auto with = [](const std::string& bundle) {
    return R"({"webhooks":[{"clientConfig":{"service":{"name":"s"},"caBundle":")" + bundle + R"("}}]})";
  };
  CHECK(bundle_in(**with_authority(with(""), ours)) == wire::to_base64(ours));
  CHECK(bundle_in(**with_authority(with(wire::to_base64("\n")), ours)) == wire::to_base64(ours));
  CHECK(bundle_in(**with_authority(with(wire::to_base64(older)), ours)) == wire::to_base64(ours));
  CHECK_FALSE(with_authority(with(wire::to_base64(ours)), ours)->has_value());
  CHECK_FALSE(with_authority(with(wire::to_base64(other)), ours)->has_value());
  CHECK_FALSE(with_authority(with(wire::to_base64("not a certificate")), ours)->has_value());
  CHECK_FALSE(with_authority("[]", ours).ok());
}

}  // namespace
}  // namespace neonvm::k8s
