#include "core/runtime/http.hpp"

#include <future>

#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

// An echo server on a Unix socket, with its loop on another thread.
struct Echo {
  TempDir dir;
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};

  explicit Echo(HttpServerOptions options = {}) {
    stage.on_loop([&] {
      server = std::make_unique<HttpServer>(stage.loop, std::move(options));
      server->route("POST", "/echo", [](HttpRequest request, Responder respond) {
        respond({200, {{"x-method", request.method}, {"x-peer", request.peer}}, request.body});
      });
      server->route("GET", "/below/", [](HttpRequest request, Responder respond) { respond({200, {}, request.target}); });
      server->route("", "/any", [](HttpRequest request, Responder respond) { respond({200, {}, request.method}); });
      REQUIRE(server->listen(at).ok());
    });
  }
  ~Echo() {
    stage.on_loop([&] { server.reset(); });
  }
  [[nodiscard]] Result<HttpResponse> call(const std::string& method, const std::string& target,
                                          const std::string& body = "") const {
    return http_call(at, {method, target, {}, body, ""}, soon());
  }
};

}  // namespace

TEST_CASE("a request and its answer over a Unix socket") {
  const Echo echo;
  const Result<HttpResponse> response = echo.call("POST", "/echo?x=1", "hello");
  REQUIRE(response.ok());
  CHECK(response->status == 200);
  CHECK(response->body == "hello");
  CHECK(response->headers.at("x-method") == "POST");
  CHECK(response->headers.at("x-peer") ==
        "uid " + std::to_string(getuid()) + " pid " + std::to_string(getpid()));
}

TEST_CASE("routes: exact, below, any method, none, wrong method, HEAD") {
  const Echo echo;
  CHECK(echo.call("GET", "/below/a/b?q")->body == "/below/a/b?q");
  CHECK(echo.call("GET", "/below/")->body == "/below/");
  CHECK(echo.call("GET", "/below")->status == 404);
  CHECK(echo.call("GET", "/echo/deeper")->status == 404);
  CHECK(echo.call("GET", "/")->status == 404);
  CHECK(echo.call("DELETE", "/any")->body == "DELETE");
  const Result<HttpResponse> wrong = echo.call("GET", "/echo");
  CHECK(wrong->status == 405);
  CHECK(wrong->headers.at("allow") == "POST");
  const Result<HttpResponse> head = echo.call("HEAD", "/below/x");
  CHECK(head->status == 200);
  CHECK(head->body.empty());
  CHECK(head->headers.at("content-length") == "8");
}

TEST_CASE("bodies of several MiB go both ways") {
  const Echo echo;
  std::string body(3 * 1024 * 1024 + 17, 'x');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31);
  CHECK(echo.call("POST", "/echo", body)->body == body);
}

TEST_CASE("over TCP, port 0 takes a free one and the peer is named by its address") {
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  Endpoint at;
  stage.on_loop([&] {
    server = std::make_unique<HttpServer>(stage.loop);
    server->route("GET", "/peer", [](HttpRequest request, Responder respond) { respond({200, {}, request.peer}); });
    at = *server->listen({Endpoint::Scheme::tcp, "127.0.0.1", 0});
  });
  CHECK(at.port != 0);
  CHECK(http_call(at, {"GET", "/peer", {}, "", ""}, soon())->body.rfind("127.0.0.1:", 0) == 0);
  stage.on_loop([&] {
    HttpServer other(stage.loop);
    const Result<Endpoint> taken = other.listen(at);
    REQUIRE_FALSE(taken.ok());
    CHECK(taken.error().code == Code::already_exists);
    server.reset();
  });
  const Result<HttpResponse> gone = http_call(at, {"GET", "/peer", {}, "", ""}, soon());
  REQUIRE_FALSE(gone.ok());
  CHECK(gone.error().code == Code::unavailable);
}

TEST_CASE("an answer may come later, a lost responder is a 500, a throwing handler too") {
  Echo echo;
  std::vector<Responder> kept;
  echo.stage.on_loop([&] {
    echo.server->route("GET", "/later", [&](HttpRequest, Responder respond) { kept.push_back(std::move(respond)); });
    echo.server->route("GET", "/lost", [](HttpRequest, Responder) {});
    echo.server->route("GET", "/throws", [](HttpRequest, Responder) { throw std::runtime_error("ouch"); });
  });
  auto later = std::async(std::launch::async, [&] { return echo.call("GET", "/later"); });
  bool came = false;
  while (!came) echo.stage.on_loop([&] { came = !kept.empty(); });
  echo.stage.on_loop([&] {
    kept[0]({200, {}, "late"});
    kept[0]({200, {}, "twice"});
  });
  CHECK(later.get()->body == "late");
  CHECK(echo.call("GET", "/lost")->status == 500);
  CHECK(echo.call("GET", "/throws")->status == 500);
}

TEST_CASE("pipelined requests are answered in order, however late each answer is") {
  Echo echo;
  std::vector<std::pair<std::string, Responder>> kept;
  echo.stage.on_loop([&] {
    echo.server->route("GET", "/slow/", [&](HttpRequest request, Responder respond) {
      kept.emplace_back(request.target, std::move(respond));
    });
  });
  Raw client(echo.at);
  REQUIRE(client.say("GET /slow/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /any HTTP/1.1\r\nHost: x\r\n\r\n"
                     "GET /slow/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  for (int i = 1; i <= 2; ++i) {
    bool came = false;
    while (!came) echo.stage.on_loop([&] { came = !kept.empty(); });
    echo.stage.on_loop([&] {
      kept[0].second({200, {}, "answer to " + kept[0].first});
      kept.clear();
    });
  }
  const std::string heard = client.hear_all();
  const std::size_t first = heard.find("answer to /slow/1");
  const std::size_t any = heard.find("\r\n\r\nGET");
  const std::size_t second = heard.find("answer to /slow/2");
  CHECK(first < any);
  CHECK(any < second);
  CHECK(second != std::string::npos);
}

TEST_CASE("who is not authorized gets 401 before any handler") {
  HttpServerOptions options;
  options.authorize = [](const HttpRequest& request) {
    const auto field = request.headers.find("authorization");
    return field != request.headers.end() && field->second == "Bearer sesame";
  };
  const Echo echo(std::move(options));
  CHECK(echo.call("POST", "/echo", "x")->status == 401);
  const HttpRequest request{"POST", "/echo", {}, "x", ""};
  HttpClientOptions client;
  client.bearer_token = "sesame";
  CHECK(http_call(echo.at, request, soon(), client)->status == 200);

  HttpClientOptions from_file;
  from_file.bearer_token_file = echo.dir / "token";
  CHECK(http_call(echo.at, request, soon(), from_file).error().code == Code::permission_denied);
  write_file(echo.dir / "token", "old\n");
  CHECK(http_call(echo.at, request, soon(), from_file)->status == 401);
  write_file(echo.dir / "token", "sesame\n");
  CHECK(http_call(echo.at, request, soon(), from_file)->status == 200);
}

TEST_CASE("the client's deadline covers connecting, sending and waiting") {
  Echo echo;
  std::vector<Responder> kept;
  echo.stage.on_loop([&] {
    echo.server->route("", "/never", [&](HttpRequest, Responder respond) { kept.push_back(std::move(respond)); });
  });
  const Result<HttpResponse> waiting = http_call(echo.at, {"GET", "/never", {}, "", ""}, soon(30ms));
  REQUIRE_FALSE(waiting.ok());
  CHECK(waiting.error().code == Code::deadline_exceeded);
  CHECK(waiting.error().message.find("waiting for the answer") != std::string::npos);

  // A listener that never accepts and whose queue is full.
  const TempDir dir;
  const Endpoint deaf{Endpoint::Scheme::unix_socket, dir / "deaf", 0};
  const Raw listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_unix(listener.fd(), deaf.host);
  REQUIRE(::listen(listener.fd(), 0) == 0);
  const Raw filler(deaf);
  const Result<HttpResponse> connecting = http_call(deaf, {"GET", "/", {}, "", ""}, soon(30ms));
  REQUIRE_FALSE(connecting.ok());
  CHECK(connecting.error().code == Code::deadline_exceeded);
  CHECK(connecting.error().message.find("while connecting") != std::string::npos);

  // One that accepts in the kernel only and never reads.
  const TempDir dir2;
  const Endpoint mute{Endpoint::Scheme::unix_socket, dir2 / "mute", 0};
  const Raw listener2(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_unix(listener2.fd(), mute.host);
  REQUIRE(::listen(listener2.fd(), 5) == 0);
  const HttpRequest large{"POST", "/", {}, std::string(8 << 20, 'x'), ""};
  const Result<HttpResponse> sending = http_call(mute, large, soon(30ms));
  REQUIRE_FALSE(sending.ok());
  CHECK(sending.error().message.find("while sending") != std::string::npos);
  echo.stage.on_loop([&] { kept.clear(); });
}

TEST_CASE("servers that talk nonsense are errors that say so") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  const Raw listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_unix(listener.fd(), at.host);
  REQUIRE(::listen(listener.fd(), 5) == 0);
  const auto answered_with = [&](const std::string& words, const std::string& method = "GET") {
    std::thread server([&] {
      Raw caller(accept(listener.fd(), nullptr, nullptr));
      caller.hear_until("\r\n\r\n");
      caller.say(words);
    });
    HttpClientOptions options;
    options.max_body = 1000;
    Result<HttpResponse> response = http_call(at, {method, "/", {}, "", ""}, soon(), options);
    server.join();
    return response;
  };
  CHECK(answered_with("").error().code == Code::unavailable);
  CHECK(answered_with("SSH-2.0-OpenSSH\r\n\r\n").error().code == Code::refused);
  CHECK(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").error().code == Code::unavailable);
  CHECK(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc").error().code == Code::refused);
  CHECK(answered_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")->body == "ok");
  CHECK(answered_with("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")->body == "ok");
  CHECK(answered_with("HTTP/1.1 200 OK\r\n\r\nuntil the end")->body == "until the end");
  CHECK(answered_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD")->status == 200);
  CHECK(answered_with("HTTP/1.1 503 No\r\nX: a\r\nX: b\r\nContent-Length: 0\r\n\r\n")->headers.at("x") == "a, b");
}

TEST_CASE("many callers at once from many threads") {
  const Echo echo;
  std::vector<std::future<int>> callers;
  for (int t = 0; t < 8; ++t) {
    callers.push_back(std::async(std::launch::async, [&echo, t] {
      int good = 0;
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t) + "/" + std::to_string(i);
        const Result<HttpResponse> response = echo.call("POST", "/echo", body);
        good += response.ok() && response->body == body ? 1 : 0;
      }
      return good;
    }));
  }
  for (auto& caller : callers) CHECK(caller.get() == 50);
}

TEST_CASE("the server may end inside its own handler") {
  Echo echo;
  echo.stage.on_loop([&] {
    echo.server->route("GET", "/end", [&](HttpRequest, Responder respond) {
      echo.server.reset();
      respond({200, {}, "nobody hears this"});
    });
  });
  CHECK_FALSE(echo.call("GET", "/end").ok());
  CHECK_FALSE(std::filesystem::exists(echo.at.host));
}
