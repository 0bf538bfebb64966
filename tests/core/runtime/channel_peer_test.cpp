// Channels whose peer is a bare socket: partial frames, silence, half a handshake, nonsense.
#include <sys/socket.h>

#include <atomic>

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

// A masked client frame (RFC 6455 5.2); the mask is zero, so that the payload is readable.
std::string frame(int opcode, const std::string& payload, bool last = true) {
  std::string out;
  out += static_cast<char>((last ? 0x80 : 0) | opcode);
  out += static_cast<char>(0x80 | payload.size());
  return out + std::string(4, '\0') + payload;
}

// A channel at the server, a bare socket at the client.
struct Bare {
  TempDir dir;
  ManualClock clock;
  Loop loop{clock};
  HttpServer server{loop};
  std::shared_ptr<Channel> channel;
  std::vector<std::string> got;
  std::optional<Error> closed;
  std::unique_ptr<Raw> peer;

  Bare() {
    server.channel("/", [this](HttpRequest, std::shared_ptr<Channel> opened) {
      channel = std::move(opened);
      channel->on_message([this](ChannelMessage message) { got.push_back(message.data); });
      channel->on_closed([this](const Error& why) { closed = why; });
    });
    const Endpoint at{Endpoint::Scheme::unix_socket, dir / "s", 0};
    REQUIRE(server.listen(at).ok());
    peer = std::make_unique<Raw>(at);
    REQUIRE(peer->say("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
    REQUIRE(loop.run_until([this] { return channel != nullptr; }));
    REQUIRE(peer->hear_until("\r\n\r\n").rfind("HTTP/1.1 101 ", 0) == 0);
  }
  bool until(const std::function<bool()>& holds) { return loop.run_until(holds); }
  void settle() {
    loop.run_until([] { return false; }, 5ms);
  }
};

}  // namespace

TEST_CASE("frames that come byte by byte, and fragments with a ping between them") {
  Bare bare;
  const std::string bytes =
      frame(1, "hel", false) + frame(9, "are you there") + frame(0, "lo", false) + frame(0, "!") + frame(2, "second");
  for (const char byte : bytes) {
    REQUIRE(bare.peer->say(std::string(1, byte)));
    bare.loop.run_until([] { return false; }, 100us);
  }
  REQUIRE(bare.until([&] { return bare.got.size() == 2; }));
  CHECK(bare.got == std::vector<std::string>{"hello!", "second"});
  const std::string pong = bare.peer->hear_until("are you there");
  CHECK(static_cast<unsigned char>(pong[0]) == 0x8a);
}

TEST_CASE("a peer that goes away without a word is a closed channel") {
  Bare bare;
  REQUIRE(bare.peer->say(frame(1, "half a message", true).substr(0, 9)));
  bare.peer->close();
  REQUIRE(bare.until([&] { return bare.closed.has_value(); }));
  CHECK(bare.closed->code == Code::unavailable);
  CHECK(bare.got.empty());
}

TEST_CASE("a peer that talks nonsense is a closed channel") {
  // Not masked; a reserved bit; not a frame at all; not UTF-8.
  const std::string words = GENERATE(as<std::string>(), "\x81\x03no!", "\xf1\x81....x", "GET / HTTP/1.1\r\n\r\n",
                                     "\x81\x82\x01\x01\x01\x01\xfe\xfe");
  Bare bare;
  REQUIRE(bare.peer->say(words));
  REQUIRE(bare.until([&] { return bare.closed.has_value(); }));
  CHECK(bare.peer->closed());
}

TEST_CASE("a peer that says nothing is pinged, then closed") {
  Bare bare;
  bare.clock.advance(15s);
  bare.settle();
  CHECK_FALSE(bare.closed);
  bare.clock.advance(10s);
  REQUIRE(bare.closed);
  CHECK(bare.closed->code == Code::deadline_exceeded);
  const std::string heard = bare.peer->hear_all();
  REQUIRE_FALSE(heard.empty());
  CHECK(static_cast<unsigned char>(heard[0]) == 0x89);
}

TEST_CASE("a peer that talks but never reads is closed") {
  Bare bare;
  bare.channel->send(std::string(1 << 20, 'x'));
  for (std::size_t i = 0; i < 10 && !bare.closed; ++i) {
    REQUIRE(bare.peer->say(frame(1, "talk")));
    REQUIRE(bare.until([&] { return bare.got.size() == i + 1; }));
    bare.clock.advance(4s);
  }
  REQUIRE(bare.closed);
  CHECK(bare.closed->message == "the peer does not read");
}

TEST_CASE("a peer that reads slowly but steadily is not closed") {
  Bare bare;
  bare.channel->send(std::string(4 << 20, 'x'));
  std::size_t heard = 0;
  std::string buffer(300000, 0);
  while (heard < (4u << 20)) {
    const std::size_t before = bare.got.size();
    REQUIRE(bare.peer->say(frame(1, "talk")));
    REQUIRE(bare.until([&] { return bare.got.size() > before; }));
    bare.clock.advance(5s);
    REQUIRE_FALSE(bare.closed);
    const ssize_t got = recv(bare.peer->fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    REQUIRE(got > 0);
    heard += static_cast<std::size_t>(got);
  }
  CHECK(bare.until([&] { return bare.channel->queued() == 0; }));
}

TEST_CASE("a peer that does not answer the closing handshake is left after its deadline") {
  Bare bare;
  bare.channel->close(1001, "going away");
  bare.settle();
  CHECK_FALSE(bare.closed);
  bare.clock.advance(5s);
  REQUIRE(bare.closed);
  CHECK(bare.closed->code == Code::cancelled);
  const std::string heard = bare.peer->hear_all();
  CHECK(static_cast<unsigned char>(heard[0]) == 0x88);
  CHECK(heard.find("going away") != std::string::npos);
}

TEST_CASE("the peer's close frame is answered and its reason told") {
  Bare bare;
  REQUIRE(bare.peer->say(frame(8, "\x03\xe9leaving")));
  REQUIRE(bare.until([&] { return bare.closed.has_value(); }));
  CHECK(bare.closed->message == "the peer closed (1001): leaving");
  CHECK(static_cast<unsigned char>(bare.peer->hear_all()[0]) == 0x88);
}

TEST_CASE("an upgrade that is not one is refused without a channel") {
  const std::string field = GENERATE(as<std::string>(), "Sec-WebSocket-Version: 12\r\n", "Sec-WebSocket-Version: 13\r\n");
  Bare bare;
  const auto before = bare.channel;
  Raw second(Endpoint{Endpoint::Scheme::unix_socket, bare.dir / "s", 0});
  REQUIRE(second.say("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + field + "\r\n"));
  std::string heard;
  std::atomic<bool> ended{false};
  std::thread reader([&] {
    heard = second.hear_all();
    ended = true;
  });
  CHECK(bare.until([&] { return ended.load(); }));
  reader.join();
  CHECK(heard.rfind("HTTP/1.1 4", 0) == 0);
  CHECK(bare.channel == before);
}
