#include "guest/host_link.hpp"

#include <algorithm>

#include "tests/guest/host_pipe.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;

namespace {

struct Link {
  HostPipe host;
  runtime::Loop loop;
  std::vector<wire::GuestMessage> messages;
  std::vector<std::string> sessions;  // "began", or why it ended
  std::vector<Fd> ports;
  HostLink link{loop, [this] { return open(); }, handlers(), 20ms};

  explicit Link(bool port_is_there = true) {
    if (port_is_there) ports.push_back(host.take());
  }
  Result<Fd> open() {
    if (ports.empty()) return Error{Code::not_found, "no port yet"};
    Fd port = std::move(ports.back());
    ports.pop_back();
    return port;
  }
  LinkHandlers handlers() {
    LinkHandlers all;
    all.hello = [] {
      wire::Hello hello;
      hello.session = "guest";
      return hello;
    };
    all.session_began = [this] { sessions.emplace_back("began"); };
    all.message = [this](wire::GuestMessage message) { messages.push_back(std::move(message)); };
    all.session_ended = [this](const std::string& why) { sessions.push_back(why); };
    return all;
  }
  bool until(const std::function<bool()>& holds) { return loop.run_until(holds); }
  void in_session() {
    link.open();
    host.greet("host");
    REQUIRE(until([&] { return link.in_session(); }));
  }
};

}  // namespace

TEST_CASE("each side says hello, and then a session is on") {
  Link it;
  it.link.open();
  REQUIRE(it.until([&] { return it.host.all<wire::Hello>().size() == 1; }));
  CHECK_FALSE(it.link.in_session());
  it.link.send(wire::WantMemory{});  // dropped: nobody is there
  it.host.greet("host");
  // It may not have seen the first one.
  REQUIRE(it.until([&] { return it.host.all<wire::Hello>().size() == 2; }));
  CHECK(it.sessions == std::vector<std::string>{"began"});
  it.link.send(wire::WantMemory{Bytes{1}, "why"});
  REQUIRE(it.until([&] { return it.host.all<wire::WantMemory>().size() == 1; }));
  it.host.send(wire::Ping{7});
  REQUIRE(it.until([&] { return it.messages.size() == 1; }));
  CHECK(std::get<wire::Ping>(it.messages[0]).id == 7);
}

TEST_CASE("before a session everything but a hello is passed over") {
  Link it;
  it.link.open();
  it.host.write("x\":1}\n{\"type\":\"ping\",\"id\":1}\n");
  it.host.greet("host");
  it.host.send(wire::Ping{2});
  REQUIRE(it.until([&] { return !it.messages.empty(); }));
  CHECK(it.messages.size() == 1);
  CHECK(std::get<wire::Ping>(it.messages[0]).id == 2);
}

TEST_CASE("a hello of another session ends the one before, one of the same does not") {
  Link it;
  it.in_session();
  it.host.greet("host");
  it.host.greet("another");
  REQUIRE(it.until([&] { return it.sessions.size() == 3; }));
  CHECK(it.sessions == std::vector<std::string>{"began", "a new session of the host", "began"});
}

TEST_CASE("lines that cannot be read are told of, and the next one is read") {
  Link it;
  it.in_session();
  SECTION("no JSON") { it.host.write("what?\n"); }
  SECTION("too long") {
    const std::string part(16384, 'x');
    for (int i = 0; i < 5; ++i) {
      it.host.write(part);
      it.loop.run_until([] { return true; });
    }
    it.host.write("\n");
  }
  SECTION("a member of a wrong kind") { it.host.write("{\"type\":\"ping\",\"id\":\"x\"}\n"); }
  REQUIRE(it.until([&] { return it.host.all<wire::LinkError>().size() == 1; }));
  CHECK_FALSE(it.host.all<wire::LinkError>()[0].error.empty());
  it.host.write("{\"type\":\"new thing\",\"id\":1}\n");
  it.host.send(wire::Ping{9});
  REQUIRE(it.until([&] { return it.messages.size() == 1; }));
  CHECK(it.link.in_session());
}

TEST_CASE("a port that comes later, or again, is opened by itself") {
  Link it(false);
  it.link.open();
  CHECK_FALSE(it.link.in_session());
  it.ports.push_back(it.host.take());
  it.host.greet("host");
  REQUIRE(it.until([&] { return it.link.in_session(); }));
  it.host.hang_up();
  REQUIRE(it.until([&] { return it.sessions.size() == 2; }));
  HostPipe next;
  it.ports.push_back(next.take());
  next.greet("next");
  REQUIRE(it.until([&] { return it.link.in_session(); }));
}

TEST_CASE("control lines overtake bulk ones") {
  Link it;
  it.in_session();
  const std::size_t before = it.host.got().size();
  const std::string chunk(30000, 'x');
  for (int i = 0; i < 40; ++i) it.link.send(wire::StreamData{5, wire::Stream::stdout_, chunk, false}, Lane::bulk);
  CHECK(it.link.queued() > 0);
  it.link.send(wire::WantMemory{Bytes{1}, ""});
  REQUIRE(it.until([&] { return it.host.all<wire::StreamData>().size() == 40; }));
  const auto& got = it.host.got();
  const auto wish = std::find_if(got.begin(), got.end(), [](const auto& m) { return std::holds_alternative<wire::WantMemory>(m); });
  REQUIRE(wish != got.end());
  CHECK(static_cast<std::size_t>(wish - got.begin()) < before + 40);
}
