#include "core/wire/vm_tls.hpp"

#include "core/wire/go_duration.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;
using namespace std::chrono_literals;

TEST_CASE("Go's durations are read as Go reads them") {
  const auto read = [](const char* text) { return parse_go_duration(text).value_or(Duration(-1)); };
  CHECK(read("24h") == 24h);
  CHECK(read("24h0m0s") == 24h);
  CHECK(read("1h30m") == 90min);
  CHECK(read("1.5s") == 1500ms);
  CHECK(read(".5h") == 30min);
  CHECK(read("300ms") == 300ms);
  CHECK(read("2us") == 2us);
  CHECK(read("2\xc2\xb5s") == 2us);
  CHECK(read("0") == 0s);
  CHECK(parse_go_duration("-1h") == -1h);
  for (const char* wrong : {"", "1", "h", "1 h", "1d", "-", ".", "1h2", "1e3s", "999999999h", "nan", "1hs"}) {
    INFO(wrong);
    CHECK_FALSE(parse_go_duration(wrong));
  }
  for (const Duration each : {Duration(0s), Duration(59s), Duration(61s), Duration(3600s), Duration(90061s)}) CHECK(parse_go_duration(go_duration(each)) == each);
  CHECK(go_duration(24h) == "24h0m0s");
}

TEST_CASE("spec.tls is what upstream has, and what it leaves out has a meaning") {
  CHECK_FALSE(read_tls_wish("{}").value());
  CHECK_FALSE(read_tls_wish(R"({"tls":null})").value());
  const TlsWish least = read_tls_wish(R"({"tls":{}})").value().value();
  CHECK(least.issuer.empty());
  CHECK(least.mount_path == "/var/tls");
  CHECK(least.renew_before == least.expire_after / 3);
  const TlsWish whole = read_tls_wish(R"({"tls":{"certificateIssuer":"neon-ca-issuer","expireAfter":"24h0m0s","renewBefore":"1h",
    "serverName":"vm.neon.local","mountPath":"/etc//tls/"}})").value().value();
  CHECK(whole == TlsWish{"neon-ca-issuer", "vm.neon.local", "/etc/tls", 24h, 1h});
}

TEST_CASE("spec.tls: each member that cannot be meant is named") {
  const auto said = [](const char* tls) { return read_tls_wish(std::string(R"({"tls":)") + tls + "}").error().message; };
  CHECK(said("7") == "spec.tls: is a number, not an object");
  CHECK_THAT(said(R"({"expireAfter":"soon"})"), Catch::Contains("spec.tls.expireAfter: \"soon\" is no time"));
  CHECK_THAT(said(R"({"expireAfter":"1m"})"), Catch::Contains("spec.tls.expireAfter: is less than 5m"));
  CHECK_THAT(said(R"({"expireAfter":"1h","renewBefore":"1h"})"), Catch::Contains("spec.tls.renewBefore: is not less"));
  CHECK_THAT(said(R"({"serverName":"a b","mountPath":"x"})"), Catch::Contains("spec.tls.serverName: is no DNS name") && Catch::Contains("spec.tls.mountPath"));
  CHECK_THAT(said(R"({"serverName":7})"), Catch::Contains("spec.tls.serverName: is a number"));
}
