#include "core/runtime/certificates.hpp"

#include <sys/stat.h>

#include "core/runtime/http.hpp"
#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

WallTime now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }
WallTime later(Duration by) { return now() + std::chrono::duration_cast<std::chrono::milliseconds>(by); }

const CertificateWish for_loopback{"webhook", {"hook.prod.svc", "127.0.0.1", "::1"}};

mode_t mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777;
}

}  // namespace

TEST_CASE("an authority signs what carries the names that were wished for") {
  const KeyPair authority = make_authority("ours", now(), 24h).value();
  const KeyPair other = make_authority("ours", now(), 24h).value();
  const KeyPair pair = issue(authority, for_loopback, now()).value();
  const CertificateFacts facts = read_certificate(pair.certificate).value();
  CHECK(facts.common_name == "webhook");
  CHECK(facts.names == for_loopback.names);
  CHECK_FALSE(facts.authority);
  CHECK(read_certificate(authority.certificate)->authority);
  CHECK(facts.not_after - facts.not_before == 24h * 90 + 5min);
  CHECK(is_signed_by(pair.certificate, authority.certificate));
  CHECK(is_signed_by(pair.certificate, other.certificate + authority.certificate));
  CHECK_FALSE(is_signed_by(pair.certificate, other.certificate));
  CHECK(belongs_to(pair.key, pair.certificate));
  CHECK_FALSE(belongs_to(other.key, pair.certificate));
}

TEST_CASE("what is no name is refused") {
  const KeyPair authority = make_authority("ours", now(), 24h).value();
  CHECK(issue(authority, {"x", {"a b"}}, now()).error().message == "\"a b\" is neither a DNS name nor an address");
  CHECK_FALSE(issue(authority, {"x", {"a\nDNS:evil"}}, now()).ok());
  CHECK_FALSE(issue(authority, {"x", {"a,DNS:evil"}}, now()).ok());
  CHECK_FALSE(issue(authority, {"", {}}, now()).ok());
  CHECK_FALSE(issue(authority, {std::string(65, 'x'), {}}, now()).ok());
  CHECK_FALSE(issue({"no key", "no certificate"}, {"x", {}}, now()).ok());
  CHECK_FALSE(read_certificate("").ok());
}

TEST_CASE("a certificate is due after two thirds of its life, and before it began") {
  const CertificateFacts facts{"x", {}, later(0s), later(90h), false};
  CHECK_FALSE(is_due(facts, later(59h)));
  CHECK(is_due(facts, later(61h)));
  CHECK(is_due(facts, later(-1h)));
}

TEST_CASE("a folder keeps its certificate fresh") {
  const TempDir dir;
  const CertificateFolder folder{dir / "pki", for_loopback, 24h * 365};
  CHECK(folder.refresh(now()).value());
  const std::string first = file_text(dir / "pki/tls.crt"), ca = file_text(dir / "pki/ca.crt");
  CHECK(mode_of(dir / "pki/tls.key") == 0600);
  CHECK(mode_of(dir / "pki/ca.key") == 0600);
  CHECK_FALSE(folder.refresh(now()).value());
  CHECK(file_text(dir / "pki/tls.crt") == first);
  const WallTime due = folder.due().value();
  CHECK(due > later(24h * 59));
  CHECK(due < later(24h * 61));
  CHECK(folder.refresh(due + 1h).value());
  CHECK(file_text(dir / "pki/tls.crt") != first);
  CHECK(file_text(dir / "pki/ca.crt") == ca);
}

TEST_CASE("a new authority is trusted before anything is signed by it") {
  const TempDir dir;
  const CertificateFolder folder{dir / "pki", {"webhook", {"127.0.0.1"}, true, false, 24h * 80}, 24h * 300};
  REQUIRE(folder.refresh(now()).ok());
  const std::string old = file_text(dir / "pki/ca.crt");
  REQUIRE(folder.refresh(later(24h * 190)).ok());
  const std::string leaf = file_text(dir / "pki/tls.crt");
  REQUIRE(folder.refresh(later(24h * 202)).value());
  const std::string both = file_text(dir / "pki/ca.crt");
  CHECK(both != old);
  CHECK(both.find(old) != std::string::npos);
  CHECK(file_text(dir / "pki/tls.crt") == leaf);
  CHECK(folder.refresh(later(24h * 250)).value());
  CHECK(is_signed_by(file_text(dir / "pki/tls.crt"), both));
  CHECK_FALSE(is_signed_by(file_text(dir / "pki/tls.crt"), old));
  REQUIRE(folder.refresh(later(24h * 450)).ok());
  CHECK(file_text(dir / "pki/ca.crt").find(old) == std::string::npos);
}

TEST_CASE("a folder mends what was damaged, and leaves alone what is somebody else's") {
  const TempDir dir;
  const CertificateFolder folder{dir / "pki", for_loopback};
  REQUIRE(folder.refresh(now()).ok());
  for (const char* name : {"pki/tls.crt", "pki/tls.key", "pki/ca.crt", "pki/ca.key"}) {
    write_file(dir / name, "");
    INFO(name);
    CHECK(folder.refresh(now()).value());
    CHECK(belongs_to(file_text(dir / "pki/tls.key"), file_text(dir / "pki/tls.crt")));
    CHECK(is_signed_by(file_text(dir / "pki/tls.crt"), file_text(dir / "pki/ca.crt")));
  }
  std::filesystem::remove(dir / "pki/ca.key");
  write_file(dir / "pki/tls.crt", "from elsewhere");
  CHECK_FALSE(folder.refresh(now()).value());
  CHECK(file_text(dir / "pki/tls.crt") == "from elsewhere");
  const auto refused = CertificateFolder{"/proc/nowhere", for_loopback}.refresh(now());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("/proc/nowhere") != std::string::npos);
}

TEST_CASE("a server with such a certificate is believed by who trusts its authority, and by nobody else") {
  const TempDir ours, theirs;
  REQUIRE(CertificateFolder{ours / "pki", for_loopback}.refresh(now()).ok());
  REQUIRE(CertificateFolder{theirs / "pki", for_loopback}.refresh(now()).ok());
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  Endpoint at;
  stage.on_loop([&] {
    HttpServerOptions options;
    options.tls = TlsFiles{ours / "pki/tls.crt", ours / "pki/tls.key", "", ""};
    server = std::make_unique<HttpServer>(stage.loop, std::move(options));
    server->route("GET", "/", [](const HttpRequest&, Responder respond) { respond({200, {}, "yes"}); });
    at = server->listen({Endpoint::Scheme::tls, "127.0.0.1", 0}).value();
  });
  const auto call = [&at](const std::string& ca, const std::string& name) {
    HttpClientOptions client;
    client.tls = TlsFiles{"", "", ca, name};
    return http_call(at, {"GET", "/", {}, "", ""}, soon(), client).ok();
  };
  CHECK(call(ours / "pki/ca.crt", ""));
  CHECK(call(ours / "pki/ca.crt", "hook.prod.svc"));
  CHECK_FALSE(call(ours / "pki/ca.crt", "hook.test.svc"));
  CHECK_FALSE(call(theirs / "pki/ca.crt", ""));
  stage.on_loop([&] { server.reset(); });
}
