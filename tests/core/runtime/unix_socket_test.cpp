// Who may listen on a Unix socket's path, and who may call there.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/runtime/http.hpp"
#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

// What another user's process hears from the server at `path`.
std::string heard_by_user(uid_t uid, const Endpoint& at) {
  int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setresuid(uid, uid, uid) != 0) _exit(1);
    std::string heard;
    try {
      Raw peer(at);
      peer.say("GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n");
      heard = peer.hear_all();
    } catch (const std::exception& error) {
      heard = error.what();
    }
    static_cast<void>(!write(pipe_ends[1], heard.data(), heard.size()));
    _exit(0);
  }
  close(pipe_ends[1]);
  Raw reader(-1);
  std::string heard;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;) {
    heard.append(buffer, static_cast<std::size_t>(got));
  }
  close(pipe_ends[0]);
  waitpid(child, nullptr, 0);
  return heard;
}

struct Host {
  Backstage stage;
  std::unique_ptr<HttpServer> server;

  Result<Endpoint> listen(const Endpoint& at, HttpServerOptions options = {}) {
    Result<Endpoint> result = Error{};
    stage.on_loop([&] {
      auto made = std::make_unique<HttpServer>(stage.loop, std::move(options));
      made->route("GET", "/ok", [](HttpRequest, Responder respond) { respond({200, {}, "ok"}); });
      result = made->listen(at);
      if (result.ok()) server = std::move(made);
    });
    return result;
  }
  void stop() {
    stage.on_loop([&] { server.reset(); });
  }
  ~Host() { stop(); }
};

}  // namespace

TEST_CASE("a path in use is refused with the pid of who listens; a stale one is replaced") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  Host first;
  Host second;
  REQUIRE(first.listen(at).ok());
  const Result<Endpoint> refused = second.listen(at);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::already_exists);
  CHECK(refused.error().message.find("address in use by pid " + std::to_string(getpid())) != std::string::npos);
  CHECK(http_call(at, {"GET", "/ok", {}, "", ""}, soon())->body == "ok");
  first.stop();
  CHECK_FALSE(std::filesystem::exists(at.host));

  // Left behind by a process that was killed.
  const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  bind_unix(stale, at.host);
  ::listen(stale, 1);
  ::close(stale);
  CHECK(std::filesystem::exists(at.host));
  REQUIRE(second.listen(at).ok());
  CHECK(http_call(at, {"GET", "/ok", {}, "", ""}, soon())->body == "ok");
  CHECK(std::distance(std::filesystem::directory_iterator(dir.path()), std::filesystem::directory_iterator()) == 1);
}

TEST_CASE("a file that is not a socket is never taken away") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "file", 0};
  write_file(at.host, "precious");
  Host host;
  const Result<Endpoint> refused = host.listen(at);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("not a socket") != std::string::npos);
  CHECK(file_text(at.host) == "precious");
  CHECK(host.listen({Endpoint::Scheme::unix_socket, dir / "none/s", 0}).error().code == Code::not_found);
}

TEST_CASE("a server that ends leaves another's socket alone") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  Host first;
  Host second;
  REQUIRE(first.listen(at).ok());
  std::filesystem::remove(at.host);
  REQUIRE(second.listen(at).ok());
  first.stop();
  CHECK(http_call(at, {"GET", "/ok", {}, "", ""}, soon())->body == "ok");
}

TEST_CASE("of many that want one path exactly one gets it, stale socket or none") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  for (int round = 0; round < 20; ++round) {
    if (round % 2 == 0) {
      const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
      bind_unix(stale, at.host);
      ::close(stale);
    }
    std::vector<std::unique_ptr<Host>> hosts;
    for (int i = 0; i < 4; ++i) hosts.push_back(std::make_unique<Host>());
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (auto& host : hosts) {
      threads.emplace_back([&] { winners += host->listen(at).ok() ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(winners == 1);
    REQUIRE(http_call(at, {"GET", "/ok", {}, "", ""}, soon()).ok());
  }
}

TEST_CASE("the socket's mode is as asked from the first moment") {
  const TempDir dir;
  Host host;
  HttpServerOptions options;
  options.socket_mode = 0640;
  REQUIRE(host.listen({Endpoint::Scheme::unix_socket, dir / "s", 0}, options).ok());
  struct stat file {};
  REQUIRE(stat((dir / "s").c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0640);
}

TEST_CASE("another user's process is refused unless it is allowed") {
  if (getuid() != 0) {
    WARN("needs root to become another user; not tried");
    return;
  }
  const TempDir dir;
  REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  Host host;
  HttpServerOptions options;
  options.socket_mode = 0666;
  options.allow_other_users = GENERATE(false, true);
  const bool allowed = options.allow_other_users;
  REQUIRE(host.listen(at, options).ok());
  const std::string heard = heard_by_user(65534, at);
  if (allowed) CHECK(heard.ends_with("ok"));
  else CHECK(heard.rfind("HTTP/1.1 403 Forbidden", 0) == 0);
  CHECK(http_call(at, {"GET", "/ok", {}, "", ""}, soon())->body == "ok");
}
