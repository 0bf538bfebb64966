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

struct End {
  std::shared_ptr<Channel> channel;
  std::vector<ChannelMessage> got;
  std::optional<Error> closed;
  int closings = 0;
  int drained = 0;

  void take(std::shared_ptr<Channel> opened) {
    channel = std::move(opened);
    channel->on_message([this](ChannelMessage message) { got.push_back(std::move(message)); });
    channel->on_closed([this](const Error& why) {
      closed = why;
      ++closings;
    });
    channel->on_drained([this] { ++drained; });
  }
};

// Both ends on one loop, whose clock is turned by hand.
struct Wire {
  TempDir dir;
  ManualClock clock;
  Loop loop{clock};
  HttpServer server;
  Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
  End here, there;
  std::optional<Error> refused;
  HttpRequest upgrade;

  explicit Wire(HttpServerOptions options = {}, const ChannelOptions& client = {}) : server(loop, std::move(options)) {
    server.channel("/link", [this](HttpRequest request, std::shared_ptr<Channel> channel) {
      upgrade = std::move(request);
      there.take(std::move(channel));
    });
    REQUIRE(server.listen(at).ok());
    open("/link", client);
  }
  void open(const std::string& path, const ChannelOptions& client = {}, const HttpClientOptions& how = {}) {
    bool done = false;
    connect_channel(
        loop, at, path, loop.now() + 10s, how,
        [&](Result<std::shared_ptr<Channel>> channel) {
          if (channel.ok()) here.take(std::move(*channel));
          else refused = channel.error();
          done = true;
        },
        client);
    REQUIRE(loop.run_until([&] { return done; }));
  }
  bool until(const std::function<bool()>& holds) { return loop.run_until(holds); }
};

std::string noise(std::size_t size) {
  std::string out(size, 'x');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + i / 251);
  return out;
}

}  // namespace

TEST_CASE("text and binary go both ways in order") {
  Wire wire;
  REQUIRE(wire.here.channel);
  CHECK(wire.upgrade.target == "/link");
  CHECK(wire.upgrade.peer.rfind("uid ", 0) == 0);
  for (int i = 0; i < 100; ++i) wire.here.channel->send("m" + std::to_string(i));
  wire.there.channel->send_binary(std::string("\0\xff", 2));
  REQUIRE(wire.until([&] { return wire.there.got.size() == 100 && wire.here.got.size() == 1; }));
  for (std::size_t i = 0; i < 100; ++i) CHECK(wire.there.got[i].data == "m" + std::to_string(i));
  CHECK_FALSE(wire.there.got[0].binary);
  CHECK(wire.here.got[0].binary);
  CHECK(wire.here.got[0].data == std::string("\0\xff", 2));
  CHECK(wire.until([&] { return wire.here.channel->queued() == 0; }));
  CHECK(wire.here.drained > 0);
}

TEST_CASE("large messages arrive whole, empty ones too") {
  Wire wire;
  const std::string large = noise(4 * 1024 * 1024);
  wire.here.channel->send_binary(large);
  wire.here.channel->send("");
  wire.there.channel->send_binary(large);
  CHECK(wire.here.channel->queued() == large.size());
  REQUIRE(wire.until([&] { return wire.there.got.size() == 2 && wire.here.got.size() == 1; }));
  CHECK(wire.there.got[0].data == large);
  CHECK(wire.there.got[1].data.empty());
  CHECK(wire.here.got[0].data == large);
}

TEST_CASE("close sends what is queued first and both ends hear it once") {
  Wire wire;
  for (int i = 0; i < 50; ++i) wire.here.channel->send_binary(noise(100000));
  wire.here.channel->close(4000, "done here");
  wire.here.channel->send("too late");
  CHECK_FALSE(wire.here.closed);
  REQUIRE(wire.until([&] { return wire.here.closed && wire.there.closed; }));
  CHECK(wire.there.got.size() == 50);
  CHECK(wire.here.closed->code == Code::cancelled);
  CHECK(wire.there.closed->code == Code::unavailable);
  CHECK(wire.there.closed->message == "the peer closed (4000): done here");
  wire.there.channel->close();
  wire.there.channel->send("after the end");
  wire.clock.advance(1min);
  CHECK(wire.here.closings == 1);
  CHECK(wire.there.closings == 1);
}

TEST_CASE("both ends close at the same time") {
  Wire wire;
  wire.here.channel->close();
  wire.there.channel->close();
  REQUIRE(wire.until([&] { return wire.here.closed && wire.there.closed; }));
}

TEST_CASE("a channel may be closed and let go in each of its own callbacks") {
  Wire wire;
  wire.there.channel->on_message([&](ChannelMessage) {
    wire.there.channel->close();
    wire.there.channel->on_message([](ChannelMessage) { FAIL("closed"); });
    wire.there.channel.reset();
  });
  wire.here.channel->send("one");
  wire.here.channel->send("two");
  REQUIRE(wire.until([&] { return wire.here.closed && wire.there.closed; }));
}

TEST_CASE("a handler that throws closes its channel with 1011") {
  Wire wire;
  wire.there.channel->on_message([](ChannelMessage) { throw std::runtime_error("ouch"); });
  wire.here.channel->send("x");
  REQUIRE(wire.until([&] { return wire.here.closed.has_value(); }));
  CHECK(wire.here.closed->message.find("1011") != std::string::npos);
}

TEST_CASE("channels may go before the server, after it, and after the loop") {
  SECTION("the server first: its end is silent, the other hears it") {
    auto wire = std::make_unique<Wire>();
    End other;
    Loop& loop = wire->loop;
    std::optional<HttpServer> second(std::in_place, loop);
    second->channel("/", [&](HttpRequest, std::shared_ptr<Channel> channel) { other.take(std::move(channel)); });
    const Endpoint at{Endpoint::Scheme::unix_socket, wire->dir / "t", 0};
    REQUIRE(second->listen(at).ok());
    End client;
    connect_channel(loop, at, "/", loop.now() + 10s, {}, [&](auto channel) { client.take(std::move(*channel)); });
    REQUIRE(wire->until([&] { return other.channel && client.channel; }));
    second.reset();
    REQUIRE(wire->until([&] { return client.closed.has_value(); }));
    CHECK_FALSE(other.closed);
    other.channel->send("into nothing");
    other.channel->close();
  }
  SECTION("the loop first") {
    End here;
    End there;
    {
      Wire wire;
      wire.here.channel->send("never written");
      here.channel = wire.here.channel;
      there.channel = wire.there.channel;
    }
    here.channel->send("x");
    here.channel->close();
    there.channel.reset();
  }
}

TEST_CASE("a queue that overflows closes the channel, one large message does not") {
  HttpServerOptions options;
  options.channel.max_queue = 1 << 20;
  Wire wire(std::move(options));
  wire.there.channel->send_binary(noise(3 << 20));
  CHECK(wire.until([&] { return wire.here.got.size() == 1; }));
  for (int i = 0; i < 8; ++i) wire.there.channel->send_binary(noise(200000));
  REQUIRE(wire.until([&] { return wire.there.closed.has_value(); }));
  CHECK(wire.there.closed->code == Code::out_of_capacity);
  CHECK(wire.there.channel->queued() == 0);
  CHECK(wire.until([&] { return wire.here.closed.has_value(); }));
}

TEST_CASE("a message beyond the limit closes the channel") {
  HttpServerOptions options;
  options.channel.max_message = 1000;
  Wire wire(std::move(options));
  wire.here.channel->send(std::string(1000, 'x'));
  wire.here.channel->send(std::string(1001, 'x'));
  REQUIRE(wire.until([&] { return wire.here.closed && wire.there.closed; }));
  CHECK(wire.there.got.size() == 1);
  CHECK(wire.there.closed->code == Code::refused);
  CHECK(wire.here.closed->message.find("1009") != std::string::npos);
}

TEST_CASE("two quiet ends keep each other alive with pings") {
  Wire wire;
  for (int i = 0; i < 30; ++i) {
    wire.clock.advance(5s);
    // Pings travel through real sockets.
    wire.loop.run_until([] { return false; }, 2ms);
  }
  CHECK_FALSE(wire.here.closed);
  CHECK_FALSE(wire.there.closed);
  wire.here.channel->send("still here");
  CHECK(wire.until([&] { return wire.there.got.size() == 1; }));
}

TEST_CASE("what cannot be opened says why") {
  Wire wire({}, {});
  HttpServerOptions closed_shop;
  closed_shop.authorize = [](const HttpRequest& request) { return request.headers.contains("authorization"); };
  HttpServer guarded(wire.loop, std::move(closed_shop));
  guarded.channel("/link", [&](HttpRequest, std::shared_ptr<Channel> channel) { wire.there.take(std::move(channel)); });
  const Endpoint at{Endpoint::Scheme::unix_socket, wire.dir / "guarded", 0};
  REQUIRE(guarded.listen(at).ok());

  wire.open("/elsewhere");
  REQUIRE(wire.refused);
  CHECK(wire.refused->code == Code::not_found);
  wire.at = at;
  wire.open("/link");
  CHECK(wire.refused->code == Code::permission_denied);
  CHECK(wire.refused->message.find("401") != std::string::npos);
  HttpClientOptions no_token;
  no_token.bearer_token_file = wire.dir / "none";
  wire.open("/link", {}, no_token);
  CHECK(wire.refused->message.find("token file") != std::string::npos);
  wire.refused.reset();
  HttpClientOptions token;
  token.bearer_token = "t";
  wire.open("/link", {}, token);
  CHECK_FALSE(wire.refused);
  wire.at.host = wire.dir / "nobody";
  wire.open("/link");
  CHECK(wire.refused->code == Code::unavailable);
}

TEST_CASE("opening ends at its deadline when the other side is silent") {
  Wire wire;
  const Raw listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Endpoint silent{Endpoint::Scheme::unix_socket, wire.dir / "silent", 0};
  bind_unix(listener.fd(), silent.host);
  REQUIRE(::listen(listener.fd(), 5) == 0);
  std::optional<Error> why;
  connect_channel(wire.loop, silent, "/", wire.loop.now() + 3s, {}, [&](auto channel) { why = channel.error(); });
  wire.clock.advance(0s);
  Raw accepted(accept(listener.fd(), nullptr, nullptr));
  wire.clock.advance(2s);
  CHECK_FALSE(why);
  wire.clock.advance(1s);
  REQUIRE(why);
  CHECK(why->code == Code::deadline_exceeded);
  CHECK(accepted.closed());
}

TEST_CASE("a channel at rest needs no sign of life, and its end is seen on the bare connection") {
  Wire wire;
  wire.there.channel->rest();
  const UniqueFd bare = wire.here.channel->detach();
  REQUIRE(bare);
  int stirred = 0;
  const FdWatch watch = wire.loop.watch_readable(bare.get(), [&] { ++stirred; });
  for (int i = 0; i < 30; ++i) {
    wire.clock.advance(60s);
    wire.loop.run_until([] { return false; }, 1ms);
  }
  CHECK(stirred == 0);
  CHECK_FALSE(wire.there.closed);
  SECTION("the one at rest has news") {
    wire.there.channel->close();
    REQUIRE(wire.until([&] { return stirred > 0 && wire.there.closed; }));
  }
  SECTION("what it sends is news as well") {
    wire.there.channel->send("hello");
    REQUIRE(wire.until([&] { return stirred > 0; }));
  }
  CHECK_FALSE(wire.here.closed);
  CHECK(wire.here.got.empty());
}

TEST_CASE("who has detached and lets go is seen to be gone by the one at rest") {
  Wire wire;
  wire.there.channel->rest();
  { const UniqueFd bare = wire.here.channel->detach(); }
  REQUIRE(wire.until([&] { return wire.there.closed.has_value(); }));
  CHECK_FALSE(wire.here.channel->detach());
  CHECK(wire.there.closings == 1);
}
