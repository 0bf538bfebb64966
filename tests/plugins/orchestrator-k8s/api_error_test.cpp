#include "plugins/orchestrator-k8s/api_error.hpp"

#include "plugins/orchestrator-k8s/server_url.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

std::string status(const std::string& reason, int code, const std::string& message, const std::string& details = "{}") {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")" + message + R"(","reason":")" + reason +
         R"(","details":)" + details + R"(,"code":)" + std::to_string(code) + "}";
}

TEST_CASE("an API server's refusals are our errors, in words") {
  const auto code = [](int http, const std::string& body) { return api_error("get it", http, body).code; };
  CHECK(code(409, status("AlreadyExists", 409, "x")) == Code::already_exists);
  CHECK(code(409, status("Conflict", 409, "x")) == Code::conflict);
  CHECK(code(404, status("NotFound", 404, "x", R"({"name":"web","kind":"virtualmachines"})")) == Code::not_found);
  CHECK(code(422, status("Invalid", 422, "x")) == Code::invalid_argument);
  CHECK(code(403, status("Forbidden", 403, "x")) == Code::permission_denied);
  CHECK(code(403, status("Forbidden", 403, "exceeded quota: small")) == Code::out_of_capacity);
  CHECK(code(403, status("", 403, "admission webhook \\\"w\\\" denied the request: no")) == Code::refused);
  CHECK(code(429, "") == Code::unavailable);
  CHECK(code(500, "oops") == Code::unavailable);
  CHECK(code(504, status("Timeout", 504, "x")) == Code::deadline_exceeded);
  const Error missing = api_error("list VirtualMachine", 404, "404 page not found\n");
  CHECK(missing.code == Code::failed_precondition);
  CHECK(missing.message.find("neonvm crd") != std::string::npos);
  const Error space = api_error("create", 404, status("NotFound", 404, "namespaces x not found", R"({"name":"x","kind":"namespaces"})"));
  CHECK(space.code == Code::failed_precondition);
  CHECK(api_error("a", 400, "\x1b[31mred").message.find('\x1b') == std::string::npos);
  CHECK(api_error("a", 400, std::string(5000, 'x')).message.size() < 1000);
}

TEST_CASE("a forgotten place is known by its status, or by the event's") {
  CHECK(is_gone(410, ""));
  CHECK(is_gone(0, status("Expired", 410, "too old resource version")));
  CHECK_FALSE(is_gone(404, status("NotFound", 404, "x")));
}

TEST_CASE("addresses of servers") {
  CHECK(parse_server_url("https://10.0.0.1:6443")->port == 6443);
  CHECK(parse_server_url("https://api.example")->port == 443);
  CHECK(parse_server_url("https://[::1]:8443/k8s/c1/")->host == "::1");
  CHECK(parse_server_url("https://[::1]:8443/k8s/c1/")->prefix == "/k8s/c1");
  CHECK(parse_server_url("https://[::1]")->host_field() == "[::1]:443");
  for (const char* bad : {"", "ftp://a", "https://", "https://a:0", "https://a:99999", "https://a:b", "https://a b", "https://a?x"}) {
    INFO(bad);
    CHECK_FALSE(parse_server_url(bad).ok());
  }
  const auto secret = parse_server_url("https://me:hunter2@a");
  REQUIRE_FALSE(secret.ok());
  CHECK(secret.error().message.find("hunter2") == std::string::npos);
  const Deadline soon = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  CHECK(resolve(*parse_server_url("https://localhost:1"), soon)->size() >= 1);
}

}  // namespace
}  // namespace neonvm::k8s
