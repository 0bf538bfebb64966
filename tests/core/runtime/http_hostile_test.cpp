// Callers that mean harm or break: the server answers in kind, lets go of what it held, and goes on serving others.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/manual_clock.hpp"
#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

// A server on a loop whose clock is turned by hand; the test's thread is the loop's, too.
struct House {
  TempDir dir;
  ManualClock clock;
  Loop loop{clock};
  std::optional<HttpServer> server;
  Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  std::vector<Responder> kept;

  explicit House(HttpServerOptions options = {}) {
    server.emplace(loop, std::move(options));
    server->route("", "/ok", [](HttpRequest request, Responder respond) { respond({200, {}, "ok" + request.body}); });
    server->route("", "/large", [](HttpRequest, Responder respond) { respond({200, {}, std::string(8 << 20, 'x')}); });
    server->route("", "/keep", [this](HttpRequest, Responder respond) { kept.push_back(std::move(respond)); });
    REQUIRE(server->listen(at).ok());
  }
  void settle(Duration limit = 5ms) {
    loop.run_until([] { return false; }, limit);
  }
  // What the server says to `peer` until it closes or `end` comes.
  std::string heard(const Raw& peer, std::string_view end = "\1never\1") {
    std::string text;
    bool closed = false;
    loop.run_until([&] {
      char buffer[65536];
      ssize_t got = 0;
      while ((got = recv(peer.fd(), buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
        text.append(buffer, static_cast<std::size_t>(got));
      }
      if (got == 0 || errno != EAGAIN) closed = true;
      return closed || text.find(end) != std::string::npos;
    });
    return closed || text.find(end) != std::string::npos ? text : text + "<open>";
  }
  bool serves() {
    const Raw peer(at);
    REQUIRE(peer.say("GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n"));
    return heard(peer).ends_with("ok");
  }
};

std::string status_line(const std::string& answer) { return answer.substr(0, answer.find("\r\n")); }

}  // namespace

TEST_CASE("garbage is answered 400 and closed") {
  House house;
  const std::string words = GENERATE(as<std::string>(), "\x16\x03\x01\x02\x00\x01\xfc\x03\x03\r\n\r\n", "hello\r\n\r\n",
                                     "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                                     "POST /ok HTTP/1.1\r\nContent-Length: many\r\n\r\n",
                                     "POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  const Raw peer(house.at);
  REQUIRE(peer.say(words));
  shutdown(peer.fd(), SHUT_WR);
  const std::string answer = house.heard(peer);
  INFO(words);
  CHECK(status_line(answer) == "HTTP/1.1 400 Bad Request");
  CHECK(house.serves());
}

TEST_CASE("random bytes, a thousand times") {
  House house;
  unsigned seed = 1;
  for (int i = 0; i < 1000; ++i) {
    const Raw peer(house.at);
    std::string words;
    for (int n = 0; n < 40; ++n) words += static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
    if (i % 3 == 0) words = "GET " + words;
    if (i % 3 == 1) words = "POST /ok HTTP/1.1\r\n" + words;
    static_cast<void>(peer.say(words + "\r\n\r\n"));
    // Before the queue of those who wait to be accepted is full: the server runs in this thread.
    if (i % 50 == 49) REQUIRE(house.serves());
  }
  CHECK(house.serves());
}

TEST_CASE("a header beyond the limit is 431, a body 413, announced or not") {
  HttpServerOptions options;
  options.max_body = 1000;
  House house(std::move(options));
  const auto answer = [&](const std::string& words) {
    const Raw peer(house.at);
    REQUIRE(peer.say(words));
    return status_line(house.heard(peer));
  };
  CHECK(answer("GET /ok HTTP/1.1\r\nX: " + std::string(17000, 'x') + "\r\n\r\n") ==
        "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(answer("GET /" + std::string(40000, 'x')) == "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(answer("POST /ok HTTP/1.1\r\nContent-Length: 1001\r\n\r\n") == "HTTP/1.1 413 Content Too Large");
  CHECK(answer("POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(0x400, 'x') + "\r\n") ==
        "HTTP/1.1 413 Content Too Large");
  CHECK(answer("POST /ok HTTP/1.1\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x')) ==
        "HTTP/1.1 200 OK");
}

TEST_CASE("slow loris: a request must be whole in time, however busily it trickles") {
  House house;
  const Raw header(house.at);
  const Raw body(house.at);
  const Raw silent(house.at);
  REQUIRE(header.say("GET /ok HTTP/1.1\r\n"));
  REQUIRE(body.say("POST /ok HTTP/1.1\r\nContent-Length: 100\r\n\r\n"));
  for (int i = 0; i < 5; ++i) {
    REQUIRE(house.serves());  // so those before it were heard
    house.clock.advance(10s);
    REQUIRE(header.say("X-" + std::to_string(i) + ": y\r\n"));
    REQUIRE(body.say("x"));
  }
  REQUIRE(house.serves());  // so those before it were heard
  house.clock.advance(10s);
  CHECK(status_line(house.heard(header)) == "HTTP/1.1 408 Request Timeout");
  CHECK(status_line(house.heard(body)) == "HTTP/1.1 408 Request Timeout");
  CHECK(house.heard(silent).empty());
  CHECK(house.serves());
}

TEST_CASE("a caller that does not read its answer is dropped, a slow one is not") {
  House house;
  const Raw deaf(house.at);
  const Raw slow(house.at);
  REQUIRE(deaf.say("GET /large HTTP/1.1\r\n\r\n"));
  REQUIRE(slow.say("GET /large HTTP/1.1\r\nConnection: close\r\n\r\n"));
  std::size_t heard = 0;
  std::string buffer(1 << 20, 0);
  for (int i = 0; i < 6; ++i) {
    ssize_t got = -1;
    REQUIRE(house.loop.run_until([&] {
      got = recv(slow.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      return got > 0;
    }));
    heard += static_cast<std::size_t>(got);
    REQUIRE(house.serves());  // so those before it were heard
    house.clock.advance(30s);
  }
  heard += house.heard(slow).size();
  CHECK(heard > (8u << 20));
  CHECK(house.heard(deaf).size() < (8u << 20));
  CHECK(house.serves());
}

TEST_CASE("callers that vanish at any moment leave nothing behind") {
  House house;
  const std::size_t before = open_descriptors();
  REQUIRE(house.serves());
  for (const char* words : {"", "GET", "GET /ok HTTP/1.1\r\n", "POST /ok HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
                            "GET /large HTTP/1.1\r\n\r\n", "GET /keep HTTP/1.1\r\n\r\n"}) {
    for (int i = 0; i < 20; ++i) {
      Raw peer(house.at);
      REQUIRE(peer.say(words));
      if (i % 2 == 0) house.settle(1ms);
      peer.close();
    }
  }
  CHECK(house.loop.run_until([&] {
    for (Responder& respond : std::exchange(house.kept, {})) respond({200, {}, std::string(1 << 20, 'x')});
    return open_descriptors() == before;
  }));
  CHECK(house.serves());
}

TEST_CASE("thousands of connections, channels among them, leak no descriptor") {
  House house;
  house.server->channel("/channel", [](HttpRequest, const std::shared_ptr<Channel>& channel) {
    channel->on_message([](const ChannelMessage&) {});
  });
  const std::size_t before = open_descriptors();
  REQUIRE(house.serves());
  for (int i = 0; i < 1500; ++i) {
    const Raw peer(house.at);
    REQUIRE(peer.say("GET /ok HTTP/1.1\r\n\r\n"));
    if (i % 10 == 0) REQUIRE(house.heard(peer, "ok").ends_with("ok"));
  }
  for (int i = 0; i < 200; ++i) {
    const Raw peer(house.at);
    REQUIRE(peer.say("GET /channel HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    if (i % 2 == 0) REQUIRE(status_line(house.heard(peer, "\r\n\r\n")) == "HTTP/1.1 101 Switching Protocols");
  }
  CHECK(house.loop.run_until([&] { return open_descriptors() == before; }));
  CHECK(house.serves());
}

TEST_CASE("beyond max_connections callers wait until one leaves") {
  HttpServerOptions options;
  options.max_connections = 3;
  House house(std::move(options));
  std::vector<std::unique_ptr<Raw>> peers;
  for (int i = 0; i < 5; ++i) {
    peers.push_back(std::make_unique<Raw>(house.at));
    REQUIRE(peers.back()->say("GET /ok HTTP/1.1\r\n\r\n"));
  }
  for (int i = 0; i < 3; ++i) CHECK(house.heard(*peers[static_cast<std::size_t>(i)], "ok").ends_with("ok"));
  house.settle(20ms);
  char byte = 0;
  CHECK(recv(peers[3]->fd(), &byte, 1, MSG_DONTWAIT) == -1);
  peers.erase(peers.begin(), peers.begin() + 2);
  CHECK(house.heard(*peers[1], "ok").ends_with("ok"));
  CHECK(house.heard(*peers[2], "ok").ends_with("ok"));
}

TEST_CASE("without descriptors the server waits for some instead of spinning or dying") {
  House house;
  REQUIRE(house.serves());
  const Raw peer(house.at);
  REQUIRE(peer.say("GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n"));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 4;
  setrlimit(RLIMIT_NOFILE, &none);
  house.settle(20ms);
  setrlimit(RLIMIT_NOFILE, &before);
  house.clock.advance(100ms);
  CHECK(house.heard(peer).ends_with("ok"));
}

TEST_CASE("Expect: 100-continue is answered before the body comes") {
  House house;
  const Raw peer(house.at);
  REQUIRE(peer.say("POST /ok HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"));
  CHECK(status_line(house.heard(peer, "\r\n\r\n")) == "HTTP/1.1 100 Continue");
  REQUIRE(peer.say("abc"));
  CHECK(house.heard(peer).ends_with("okabc"));
}

TEST_CASE("HTTP/1.0 is answered and closed, or kept when asked") {
  House house;
  const Raw peer(house.at);
  REQUIRE(peer.say("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  CHECK(house.heard(peer, "ok").find("Connection: keep-alive") != std::string::npos);
  REQUIRE(peer.say("GET /ok HTTP/1.0\r\n\r\n"));
  CHECK(house.heard(peer).ends_with("ok"));
}

TEST_CASE("a header that a handler spoils cannot split the answer") {
  House house;
  house.server->route("GET", "/split", [](HttpRequest, Responder respond) {
    respond({200, {{"X-A", "a\r\nX-Evil: 1"}, {"Content-Length", "9999"}, {"X-B", "b"}}, "body"});
  });
  const Raw peer(house.at);
  REQUIRE(peer.say("GET /split HTTP/1.1\r\nConnection: close\r\n\r\n"));
  const std::string answer = house.heard(peer);
  CHECK(answer.find("Evil") == std::string::npos);
  CHECK(answer.find("9999") == std::string::npos);
  CHECK(answer.find("X-B: b\r\n") != std::string::npos);
}
