#include "plugins/orchestrator-k8s/credentials.hpp"

#include <fstream>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::k8s {
namespace {

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

Access program(const std::string& script) {
  Access access;
  ExecPlugin plugin;
  plugin.place = "/k: users[u].user.exec";
  plugin.api_version = "client.authentication.k8s.io/v1";
  plugin.command = "sh";
  plugin.args = {"-c", script};
  access.exec = plugin;
  return access;
}

std::string prints(const std::string& status) {
  return R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" + status + "}'";
}

TEST_CASE("a program's credential is used until it expires or is refused") {
  const TempDir dir;
  const std::string count = (dir.path() / "count").string();
  const std::string counting = "echo x >> " + count + "; n=$(wc -l < " + count + "); ";
  const auto runs = [&](const std::string& expires) {
    return program(counting + R"(echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t$n\",\"expirationTimestamp\":\")" +
                   expires + R"(\"}}")");
  };
  Credentials lasting(runs("2999-01-01T00:00:00Z"));
  CHECK(lasting.papers(soon())->authorization == "Bearer t1");
  const auto papers = lasting.papers(soon());
  CHECK(papers->authorization == "Bearer t1");
  CHECK(lasting.refused(*papers));
  CHECK(lasting.papers(soon())->authorization == "Bearer t2");
  Credentials over(runs("2001-01-01T00:00:00Z"));
  CHECK(over.papers(soon())->authorization == "Bearer t3");
  CHECK(over.papers(soon())->authorization == "Bearer t4");
}

TEST_CASE("a program that fails says why, and what it printed stays secret") {
  const auto fails = [](const std::string& script, Deadline deadline = soon()) {
    const auto papers = Credentials(program(script)).papers(deadline);
    REQUIRE_FALSE(papers.ok());
    CHECK(papers.error().message.find("users[u].user.exec") != std::string::npos);
    CHECK(papers.error().message.find("hunter2") == std::string::npos);
    return papers.error().message;
  };
  CHECK(fails("echo hunter2; echo 'log in first' >&2; exit 3").find("exit code 3: log in first") != std::string::npos);
  CHECK(fails("echo hunter2").find("did not print an ExecCredential") != std::string::npos);
  CHECK(fails(prints(R"({"clientKeyData":"hunter2"})")).find("only one of") != std::string::npos);
  CHECK(fails("kill -9 $$").find("signal 9") != std::string::npos);
  CHECK(fails("sleep 60 & wait", std::chrono::steady_clock::now() + std::chrono::milliseconds(100)).find("in time") != std::string::npos);
  Access missing = program("");
  missing.exec->command = "no-such-program";
  missing.exec->install_hint = "install it";
  CHECK(Credentials(missing).papers(soon()).error().message.find("install it") != std::string::npos);
}

TEST_CASE("a token file is read as it is now") {
  const TempDir dir;
  Access access;
  access.token_file = (dir.path() / "token").string();
  Credentials credentials(access);
  CHECK(credentials.papers(soon()).error().message.find(access.token_file) != std::string::npos);
  std::ofstream(access.token_file) << "one\n";
  const auto first = credentials.papers(soon());
  CHECK(first->authorization == "Bearer one");
  CHECK_FALSE(credentials.refused(*first));
  std::ofstream(access.token_file) << "two\n";
  CHECK(credentials.refused(*first));
  CHECK(credentials.papers(soon())->authorization == "Bearer two");
}

}  // namespace
}  // namespace neonvm::k8s
