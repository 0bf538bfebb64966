#include "core/runtime/http.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;

TEST_CASE("endpoints that are read and printed back") {
  const auto [text, printed, scheme, host, port] =
      GENERATE(table<std::string, std::string, Endpoint::Scheme, std::string, int>({
          {"unix:/run/x.sock", "unix:/run/x.sock", Endpoint::Scheme::unix_socket, "/run/x.sock", 0},
          {"unix:///run/x.sock", "unix:/run/x.sock", Endpoint::Scheme::unix_socket, "/run/x.sock", 0},
          {"unix:rel.sock", "unix:rel.sock", Endpoint::Scheme::unix_socket, "rel.sock", 0},
          {"http://127.0.0.1:9100", "http://127.0.0.1:9100", Endpoint::Scheme::tcp, "127.0.0.1", 9100},
          {"http://127.0.0.1:9100/", "http://127.0.0.1:9100", Endpoint::Scheme::tcp, "127.0.0.1", 9100},
          {"http://localhost:0", "http://127.0.0.1:0", Endpoint::Scheme::tcp, "127.0.0.1", 0},
          {"https://10.0.0.7:25183", "https://10.0.0.7:25183", Endpoint::Scheme::tls, "10.0.0.7", 25183},
          {"http://[::1]:80", "http://[::1]:80", Endpoint::Scheme::tcp, "::1", 80},
      }));
  const Result<Endpoint> endpoint = parse_endpoint(text);
  INFO(text);
  REQUIRE(endpoint.ok());
  CHECK(endpoint->scheme == scheme);
  CHECK(endpoint->host == host);
  CHECK(endpoint->port == port);
  CHECK(to_string(*endpoint) == printed);
}

TEST_CASE("what is not an endpoint is refused with its text and what to give") {
  const auto* text = GENERATE("", "unix:", "/run/x.sock", "http://", "http://127.0.0.1", "http://127.0.0.1:",
                              "http://127.0.0.1:65536", "http://127.0.0.1:-1", "http://127.0.0.1:8o", "http://::1:80",
                              "http://[::1]", "http://example.com:80", "http://127.0.0.1:80/path", "ftp://127.0.0.1:21");
  const Result<Endpoint> endpoint = parse_endpoint(text);
  INFO(text);
  REQUIRE_FALSE(endpoint.ok());
  CHECK(endpoint.error().code == Code::invalid_argument);
}

TEST_CASE("a path too long for a Unix socket is refused with the limit") {
  const Result<Endpoint> endpoint = parse_endpoint("unix:/" + std::string(120, 'x'));
  REQUIRE_FALSE(endpoint.ok());
  CHECK(endpoint.error().message.find("at most 107") != std::string::npos);
}
