#include "core/runtime/certificate_request.hpp"

#include <cstdlib>

#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

TEST_CASE("a request for a certificate is one that openssl verifies, with the names that are asked for") {
  if (std::system("command -v openssl > /dev/null") != 0) return;  // what follows is its word
  const std::string key = make_key().value();
  const std::string request = certificate_request(key, {"web", {"web.example.org", "10.0.0.7"}}).value();
  const TempDir folder;
  write_file(folder / "request", request);
  REQUIRE(std::system(("openssl req -verify -noout -text -in " + (folder / "request") + " > " + (folder / "said") + " 2>&1").c_str()) == 0);
  const std::string said = file_text(folder / "said");
  CHECK_THAT(said, Catch::Contains("Subject: CN = web") || Catch::Contains("Subject: CN=web"));
  CHECK_THAT(said, Catch::Contains("DNS:web.example.org, IP Address:10.0.0.7"));
  CHECK_THAT(said, Catch::Contains("ASN1 OID: prime256v1"));
  // What an authority makes of it belongs to that key.
  write_file(folder / "key", key);
  REQUIRE(std::system(("openssl x509 -req -days 1 -in " + (folder / "request") + " -signkey " + (folder / "key") + " > " + (folder / "signed") + " 2> /dev/null").c_str()) == 0);
  CHECK(belongs_to(key, file_text(folder / "signed")));
}

TEST_CASE("a request for a certificate is refused for what is no name or no key") {
  CHECK_FALSE(certificate_request("no key", {"web", {}}).ok());
  CHECK_FALSE(certificate_request(make_key().value(), {"web", {"a,DNS:evil"}}).ok());
  CHECK_FALSE(certificate_request(make_key().value(), {"", {}}).ok());
}
