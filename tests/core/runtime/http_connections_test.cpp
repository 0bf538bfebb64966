#include "core/runtime/http_connections.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <future>

#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

// A server that says what the test says.
class Listening {
 public:
  Listening() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    bind_unix(fd_, at.host);
    REQUIRE(::listen(fd_, 8) == 0);
    auto opened = HttpConnections::open(at, {});
    REQUIRE(opened.ok());
    client = std::move(*opened);
  }
  ~Listening() { ::close(fd_); }
  [[nodiscard]] std::unique_ptr<Raw> accept() const { return std::make_unique<Raw>(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }
  [[nodiscard]] std::future<Result<HttpResponse>> call(const std::string& method, const std::string& target) const {
    return std::async(std::launch::async, [this, method, target] {
      return client->call({method, target, {}, method == "POST" ? "body" : "", ""}, soon());
    });
  }

  TempDir dir;
  Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  std::unique_ptr<HttpConnections> client;

 private:
  int fd_;
};

constexpr const char* short_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

std::string piece_of(HttpAnswer& answer) {
  const auto piece = answer.piece(soon());
  INFO((piece ? "" : piece.error().message));
  REQUIRE(piece.ok());
  return *piece;
}

Deadline at_once() { return soon(20ms); }

}  // namespace

TEST_CASE("a connection is used again, and its requests do not ask for its end") {
  const Listening server;
  auto first = server.call("GET", "/a");
  const auto peer = server.accept();
  const std::string request = peer->hear_until("\r\n\r\n");
  CHECK(request.find("GET /a HTTP/1.1") == 0);
  CHECK(request.find("Connection: close") == std::string::npos);
  REQUIRE(peer->say(short_answer));
  CHECK(first.get()->body == "hi");
  CHECK(server.client->idle() == 1);
  auto second = server.call("POST", "/b");
  CHECK(peer->hear_until("body").find("POST /b") == 0);
  REQUIRE(peer->say("HTTP/1.1 204 No Content\r\n\r\n"));
  CHECK(second.get()->status == 204);
}

TEST_CASE("a connection that the server closed while it was idle is replaced") {
  const Listening server;
  auto first = server.call("GET", "/a");
  auto peer = server.accept();
  peer->hear_until("\r\n\r\n");
  REQUIRE(peer->say(short_answer));
  REQUIRE(first.get().ok());
  peer->close();
  auto second = server.call("POST", "/b");
  peer = server.accept();
  CHECK(peer->hear_until("body").find("POST /b") == 0);
  REQUIRE(peer->say(short_answer));
  CHECK(second.get()->body == "hi");
}

TEST_CASE("a request that met the end of a kept connection is sent again only if it is a GET") {
  const Listening server;
  const auto spoil = [&](const std::string& method) {
    auto first = server.call("GET", "/a");
    const auto peer = server.accept();
    peer->hear_until("\r\n\r\n");
    REQUIRE(peer->say(short_answer));
    REQUIRE(first.get().ok());
    auto second = server.call(method, "/b");
    peer->hear_until(method == "POST" ? "body" : "/b HTTP/1.1\r\n");
    peer->close();
    return second;
  };
  auto got = spoil("GET");
  const auto peer = server.accept();
  CHECK(peer->hear_until("\r\n\r\n").find("GET /b") == 0);
  REQUIRE(peer->say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"));
  CHECK(got.get()->body == "hi");
  const auto posted = spoil("POST").get();
  REQUIRE_FALSE(posted.ok());
  CHECK(posted.error().code == Code::unavailable);
}

TEST_CASE("an answer that ends with its connection, is chunked, or asks for the end is not kept") {
  const Listening server;
  auto call = server.call("GET", "/");
  auto peer = server.accept();
  peer->hear_until("\r\n\r\n");
  REQUIRE(peer->say("HTTP/1.1 200 OK\r\n\r\nall of it"));
  peer->close();
  CHECK(call.get()->body == "all of it");
  CHECK(server.client->idle() == 0);
  call = server.call("GET", "/");
  peer = server.accept();
  peer->hear_until("\r\n\r\n");
  REQUIRE(peer->say("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"));
  CHECK(call.get()->body == "hi");
  CHECK(server.client->idle() == 0);
}

TEST_CASE("a body comes in pieces, whatever deadlines pass in between") {
  const Listening server;
  const auto answer = server.client->start({"GET", "/watch", {}, "", ""});
  CHECK(answer->head(at_once()).error().code == Code::deadline_exceeded);
  const auto peer = server.accept();
  peer->hear_until("\r\n\r\n");
  CHECK(answer->head(at_once()).error().code == Code::deadline_exceeded);
  REQUIRE(peer->say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  REQUIRE(answer->head(soon())->status == 200);
  CHECK(answer->piece(at_once()).error().code == Code::deadline_exceeded);
  REQUIRE(peer->say("3\r\none\r\n"));
  CHECK(piece_of(*answer) == "one");
  REQUIRE(peer->say("3\r\nt"));
  CHECK(piece_of(*answer) == "t");
  REQUIRE(peer->say("wo\r\n"));
  CHECK(piece_of(*answer) == "wo");
  SECTION("to its end") {
    REQUIRE(peer->say("0\r\n\r\n"));
    CHECK(piece_of(*answer).empty());
    CHECK(piece_of(*answer).empty());
    CHECK(server.client->idle() == 1);
  }
  SECTION("or until it is cut") {
    peer->close();
    CHECK(answer->piece(soon()).error().code == Code::unavailable);
    CHECK(server.client->idle() == 0);
  }
  SECTION("or until nobody wants it, and it is not kept") {
    CHECK(server.client->idle() == 0);
  }
}

TEST_CASE("wake ends a wait, and the answer goes on") {
  const Listening server;
  const auto answer = server.client->start({"GET", "/watch", {}, "", ""});
  answer->wake();
  CHECK(answer->head(soon()).error().code == Code::cancelled);
  auto waiting = std::async(std::launch::async, [&] { return answer->head(soon()); });
  const auto peer = server.accept();
  peer->hear_until("\r\n\r\n");
  answer->wake();
  CHECK(waiting.get().error().code == Code::cancelled);
  REQUIRE(peer->say(short_answer));
  CHECK(answer->head(soon())->status == 200);
  CHECK(piece_of(*answer) == "hi");
  CHECK(piece_of(*answer).empty());
}

TEST_CASE("what is no answer is an error, and names the server") {
  const Listening server;
  const auto said = [&](std::string_view words) {
    auto call = server.call("GET", "/");
    const auto peer = server.accept();
    peer->hear_until("\r\n\r\n");
    REQUIRE(peer->say(words));
    peer->close();
    return call.get();
  };
  CHECK(said("220 mail ready\r\n").error().code == Code::refused);
  CHECK(said("").error().code == Code::unavailable);
  CHECK(said("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi").error().message.find(server.at.host) != std::string::npos);
  CHECK(said("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")->body == "hi");
  CHECK(HttpConnections::open(server.at, {}).ok());
  const auto nobody = HttpConnections::open({Endpoint::Scheme::unix_socket, server.dir / "none", 0}, {});
  CHECK((*nobody)->call({"GET", "/", {}, "", ""}, soon()).error().code == Code::unavailable);
}
