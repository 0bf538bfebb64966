#include <poll.h>

#include <future>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "tests/core/runtime/peer.hpp"
#include "tests/core/runtime/temp_dir.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

// Echoes each message; "twice" comes back two times, "close" closes, "quiet" is swallowed.
struct EchoChannel {
  TempDir dir;
  Backstage stage;
  std::unique_ptr<HttpServer> server;
  std::shared_ptr<Channel> last;
  std::optional<Error> closed;
  Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};

  EchoChannel() {
    stage.on_loop([this] {
      server = std::make_unique<HttpServer>(stage.loop);
      server->channel("/echo", [this](HttpRequest, const std::shared_ptr<Channel>& channel) {
        last = channel;
        channel->on_closed([this](const Error& why) { closed = why; });
        channel->on_message([channel = channel.get()](const ChannelMessage& message) {
          if (message.data == "quiet") return;
          if (message.data == "close") return channel->close(4001, "as you wish");
          if (message.binary) channel->send_binary(message.data);
          else channel->send(message.data);
          if (message.data == "twice") channel->send("again");
        });
      });
      REQUIRE(server->listen(at).ok());
    });
  }
  ~EchoChannel() {
    stage.on_loop([this] { server.reset(); });
  }
  [[nodiscard]] std::unique_ptr<BlockingChannel> open() const {
    Result<std::unique_ptr<BlockingChannel>> channel = open_channel(at, "/echo", soon(), {});
    REQUIRE(channel.ok());
    return std::move(*channel);
  }
};

}  // namespace

TEST_CASE("a blocking channel sends, receives and keeps order and kind") {
  const EchoChannel echo;
  const auto channel = echo.open();
  REQUIRE(channel->send({false, "text"}, soon()).ok());
  REQUIRE(channel->send({true, std::string(3 << 20, 'b')}, soon()).ok());
  const Result<ChannelMessage> first = channel->receive(soon());
  REQUIRE(first.ok());
  CHECK_FALSE(first->binary);
  CHECK(first->data == "text");
  const Result<ChannelMessage> second = channel->receive(soon());
  REQUIRE(second.ok());
  CHECK(second->binary);
  CHECK(second->data.size() == (3u << 20));
}

TEST_CASE("a deadline that passes loses nothing") {
  const EchoChannel echo;
  const auto channel = echo.open();
  const Result<ChannelMessage> none = channel->receive(soon(5ms));
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == Code::deadline_exceeded);
  REQUIRE(channel->send({false, "quiet"}, soon()).ok());
  CHECK(channel->receive(soon(5ms)).error().code == Code::deadline_exceeded);
  REQUIRE(channel->send({false, "now"}, soon()).ok());
  CHECK(channel->receive(soon())->data == "now");
}

TEST_CASE("a message that comes in pieces is received across deadlines") {
  const TempDir dir;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  const Raw listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  bind_unix(listener.fd(), at.host);
  REQUIRE(::listen(listener.fd(), 5) == 0);
  auto accepted = std::async(std::launch::async, [&] {
    auto raw = std::make_unique<Raw>(accept(listener.fd(), nullptr, nullptr));
    const std::string asked = raw->hear_until("\r\n\r\n");
    const std::string field = "Sec-WebSocket-Key: ";
    const std::size_t key_at = asked.find(field) + field.size();
    raw->say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
             websocket_accept(asked.substr(key_at, asked.find("\r\n", key_at) - key_at)) + "\r\n\r\n");
    return raw;
  });
  Result<std::unique_ptr<BlockingChannel>> opened = open_channel(at, "/", soon(), {});
  REQUIRE(opened.ok());
  BlockingChannel& channel = **opened;
  const auto server = accepted.get();
  for (const char* piece : {"\x01", "\x03", "ab"}) {
    REQUIRE(server->say(piece));
    CHECK(channel.receive(soon(3ms)).error().code == Code::deadline_exceeded);
    CHECK_FALSE(channel.buffered());
  }
  REQUIRE(server->say(std::string("c\x80\x01") + "d" + "\x81\x01" + "e"));
  pollfd waiting{channel.fd(), POLLIN, 0};
  CHECK(poll(&waiting, 1, 10000) == 1);
  CHECK(channel.buffered());
  CHECK(channel.receive(soon())->data == "abcd");
  CHECK(channel.buffered());
  CHECK(channel.receive(soon())->data == "e");
  CHECK_FALSE(channel.buffered());
}

TEST_CASE("poll and buffered together miss no message") {
  const EchoChannel echo;
  const auto channel = echo.open();
  int received = 0;
  for (int i = 0; i < 100; ++i) REQUIRE(channel->send({false, "twice"}, soon()).ok());
  while (received < 200) {
    if (!channel->buffered()) {
      pollfd waiting{channel->fd(), POLLIN, 0};
      REQUIRE(poll(&waiting, 1, 10000) == 1);
      continue;
    }
    REQUIRE(channel->receive(soon()).ok());
    ++received;
  }
}

TEST_CASE("a closed peer is told, after what it said before") {
  EchoChannel echo;
  const auto channel = echo.open();
  REQUIRE(channel->send({false, "last words"}, soon()).ok());
  REQUIRE(channel->send({false, "close"}, soon()).ok());
  CHECK(channel->receive(soon())->data == "last words");
  const Result<ChannelMessage> none = channel->receive(soon());
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == Code::unavailable);
  CHECK(none.error().message.find("as you wish") != std::string::npos);
  CHECK(channel->buffered());
  CHECK_FALSE(channel->send({false, "x"}, soon()).ok());
}

TEST_CASE("letting a blocking channel go closes it properly") {
  EchoChannel echo;
  echo.open().reset();
  bool closed = false;
  while (!closed) echo.stage.on_loop([&] { closed = echo.closed.has_value(); });
  CHECK(echo.closed->message == "the peer closed (1000)");
}

TEST_CASE("a blocking channel that cannot be opened says why, in time") {
  const EchoChannel echo;
  CHECK(open_channel(echo.at, "/none", soon(), {}).error().code == Code::not_found);
  CHECK(open_channel({Endpoint::Scheme::unix_socket, echo.dir / "nobody", 0}, "/", soon(), {}).error().code ==
        Code::unavailable);
  const Raw listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Endpoint silent{Endpoint::Scheme::unix_socket, echo.dir / "silent", 0};
  bind_unix(listener.fd(), silent.host);
  REQUIRE(::listen(listener.fd(), 5) == 0);
  CHECK(open_channel(silent, "/", soon(20ms), {}).error().code == Code::deadline_exceeded);
}

TEST_CASE("calls and channels through a proxy go to it, under its path and with its fields") {
  TempDir dir;
  Backstage stage;
  std::unique_ptr<HttpServer> proxy;
  const Endpoint at{Endpoint::Scheme::unix_socket, dir / "proxy", 0};
  std::string seen;
  const auto note = [&seen](const HttpRequest& request) {
    seen += request.target + " " + request.headers.at("x-token") + " " + request.headers.at("authorization") + "\n";
  };
  stage.on_loop([&] {
    proxy = std::make_unique<HttpServer>(stage.loop);
    proxy->route("GET", "/pods/web/proxy/", [&note](const HttpRequest& request, Responder respond) {
      note(request);
      respond({200, {}, "here"});
    });
    proxy->channel("/pods/web/proxy/v1/link", [&note](const HttpRequest& request, const std::shared_ptr<Channel>& channel) {
      note(request);
      channel->send("here");
    });
    REQUIRE(proxy->listen(at).ok());
  });
  HttpClientOptions how;
  how.bearer_token = "of the caller";
  how.through = HttpProxy{at, "/pods/web/proxy", {{"x-token", "of the pod"}}};
  const Endpoint unreachable{Endpoint::Scheme::tcp, "192.0.2.1", 1};
  CHECK(http_call(unreachable, {"GET", "/v1/status?a=1", {}, "", ""}, soon(), how)->body == "here");
  auto channel = open_channel(unreachable, "/v1/link", soon(), how);
  REQUIRE(channel.ok());
  CHECK((*channel)->receive(soon())->data == "here");
  stage.on_loop([&] {
    CHECK(seen == "/pods/web/proxy/v1/status?a=1 of the pod Bearer of the caller\n"
                  "/pods/web/proxy/v1/link of the pod Bearer of the caller\n");
    proxy.reset();
  });
  how.through->headers["x-token"] = "two\r\nlines";
  CHECK(open_channel(unreachable, "/v1/link", soon(), how).error().code == Code::invalid_argument);
}

TEST_CASE("a send that a slow peer delays is finished later") {
  EchoChannel echo;
  const auto channel = echo.open();
  // The loop is held, so nobody reads.
  std::promise<void> go;
  std::future<void> gone = go.get_future();
  echo.stage.loop.post([&] { gone.wait(); });
  const std::string large(4 << 20, 'x');
  CHECK(channel->send({true, large}, soon(10ms)).error().code == Code::deadline_exceeded);
  CHECK(channel->send({false, "next"}, soon(10ms)).error().code == Code::deadline_exceeded);
  go.set_value();
  CHECK(channel->send({false, "next"}, soon()).ok());
  CHECK(channel->receive(soon())->data.size() == large.size());
  CHECK(channel->receive(soon())->data == "next");
}
