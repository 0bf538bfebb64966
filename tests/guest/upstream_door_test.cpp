// Upstream's monitor protocol over a real WebSocket.
#include "guest/upstream_door.hpp"

#include <array>

#include "core/runtime/http.hpp"
#include "core/runtime/manual_clock.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;
namespace monitor = wire::monitor;

namespace {

struct Agent {
  std::shared_ptr<runtime::Channel> channel;
  std::vector<std::string> got;
  std::optional<Error> closed;
};

// A monitor of a guest with 1000 MiB, of which 900 are available.
struct Desk {
  TempDir dir;
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  decide::GuestConsent consent;
  runtime::HttpServer server{loop};
  Hooks hooks{loop, dir.path("hooks")};
  ConsentDesk desk{loop, consent, hooks};
  UpstreamDoor door{loop, consent, desk};
  runtime::Endpoint at{runtime::Endpoint::Scheme::unix_socket, dir.path("s"), 0};
  std::array<Agent, 2> agents;

  Desk() {
    server.channel("/monitor", [this](const runtime::HttpRequest&, std::shared_ptr<runtime::Channel> channel) {
      door.connected(std::move(channel));
    });
    REQUIRE(server.listen(at));
    sampled(900);
    connect(agents[0]);
  }
  ~Desk() {
    for (Agent& agent : agents) {
      if (agent.channel) agent.channel->close();
    }
  }
  void connect(Agent& agent) {
    runtime::connect_channel(loop, at, "/monitor", loop.now() + 10s, {}, [&](Result<std::shared_ptr<runtime::Channel>> opened) {
      REQUIRE(opened);
      agent.channel = *opened;
      agent.channel->on_message([&](const runtime::ChannelMessage& message) { agent.got.push_back(message.data); });
      agent.channel->on_closed([&](const Error& why) { agent.closed = why; });
    });
    REQUIRE(loop.run_until([&] { return agent.channel != nullptr; }));
  }
  void sampled(std::uint64_t available) {
    GuestSample sample;
    sample.at = loop.now();
    sample.memory_total = Bytes{1000 * mib};
    sample.memory_available = Bytes{available * mib};
    consent.sampled(sample);
  }
  std::string answer(Agent& agent, const std::string& text) {
    const std::size_t before = agent.got.size();
    agent.channel->send(text);
    REQUIRE(loop.run_until([&] { return agent.got.size() > before; }));
    return agent.got.back();
  }
  void greet() { REQUIRE(answer(agents[0], R"({"min":1,"max":1})") == R"({"version":1})"); }
  template <typename Body>
  Body ask(const monitor::Message& message) {
    const auto reply = monitor::decode_from_monitor(answer(agents[0], monitor::encode_from_agent(message)));
    REQUIRE(reply);
    CHECK(reply->id == message.id);
    REQUIRE(std::holds_alternative<Body>(reply->body));
    return std::get<Body>(reply->body);
  }
};

}  // namespace

TEST_CASE("versions") {
  Desk desk;
  CHECK(desk.answer(desk.agents[0], R"({"min":1,"max":3})") == R"({"version":1})");
}

TEST_CASE("an agent without a version of ours is told and left") {
  Desk desk;
  const std::string first = GENERATE(R"({"min":2,"max":3})", R"({"min":0,"max":0})", "hello", R"({"type":"HealthCheck","content":{},"id":2})");
  INFO(first);
  CHECK(desk.answer(desk.agents[0], first).starts_with(R"({"error":)"));
  CHECK(desk.loop.run_until([&] { return desk.agents[0].closed.has_value(); }));
}

TEST_CASE("an agent that says nothing is left after 4 s") {
  Desk desk;
  REQUIRE(desk.loop.run_until([&] { return true; }));
  for (int i = 0; i < 100 && !desk.agents[0].closed; ++i) {
    desk.clock.advance(1s);
    desk.loop.run_until([&] { return desk.agents[0].closed.has_value(); }, 20ms);
  }
  CHECK(desk.agents[0].closed);
}

TEST_CASE("each request is answered by its id") {
  Desk desk;
  desk.greet();
  desk.ask<monitor::HealthCheck>({2, monitor::HealthCheck{}});
  desk.ask<monitor::UpscaleConfirmation>({4, monitor::UpscaleNotification{2, Bytes{1024 * mib}}});
  const auto no = desk.ask<monitor::DownscaleResult>({6, monitor::DownscaleRequest{0.25, Bytes{100 * mib}}});
  CHECK_FALSE(no.ok);
  CHECK(no.status.find("100 MiB in use") != std::string::npos);
  const auto yes = desk.ask<monitor::DownscaleResult>({8, monitor::DownscaleRequest{0.25, Bytes{512 * mib}}});
  CHECK(yes.ok);
  CHECK_FALSE(yes.status.empty());
  desk.ask<monitor::InvalidMessage>({10, monitor::Unknown{"Telepathy"}});
}

TEST_CASE("a frame that cannot be read does not end the connection") {
  Desk desk;
  desk.greet();
  for (const char* bad : {"", "[]", "{", R"({"type":"DownscaleRequest","content":{"target":{"cpu":1}},"id":2})", R"({"type":7})"}) {
    INFO(bad);
    const auto reply = monitor::decode_from_monitor(desk.answer(desk.agents[0], bad));
    REQUIRE(reply);
    CHECK(std::holds_alternative<monitor::InvalidMessage>(reply->body));
  }
  desk.ask<monitor::HealthCheck>({12, monitor::HealthCheck{}});
}

TEST_CASE("without samples nothing is given away") {
  Desk desk;
  desk.greet();
  desk.clock.advance(6s);
  const auto answer = desk.ask<monitor::DownscaleResult>({2, monitor::DownscaleRequest{1, Bytes{999 * mib}}});
  CHECK_FALSE(answer.ok);
  CHECK(answer.status == "no fresh sample of this guest's memory");
}

TEST_CASE("more memory is asked for at most once a second, by odd ids from 3") {
  Desk desk;
  CHECK_FALSE(desk.door.request_upscale());  // nobody has said a version
  desk.greet();
  CHECK(desk.door.request_upscale());
  CHECK(desk.door.request_upscale());
  REQUIRE(desk.loop.run_until([&] { return desk.agents[0].got.size() == 2; }));
  CHECK(desk.agents[0].got[1] == R"({"type":"UpscaleRequest","id":3})");
  desk.ask<monitor::HealthCheck>({2, monitor::HealthCheck{}});  // what comes next is the answer to this
  CHECK(desk.agents[0].got.size() == 3);
  desk.clock.advance(1s);
  CHECK(desk.door.request_upscale());
  REQUIRE(desk.loop.run_until([&] { return desk.agents[0].got.size() == 4; }));
  CHECK(desk.agents[0].got[3] == R"({"type":"UpscaleRequest","id":5})");
}

TEST_CASE("a cgroup above upstream's threshold asks by itself") {
  Desk desk;
  desk.greet();
  desk.ask<monitor::UpscaleConfirmation>({2, monitor::UpscaleNotification{1, Bytes{1024 * mib}}});
  const std::size_t before = desk.agents[0].got.size();
  desk.door.cgroup_sampled(Bytes{785 * mib});  // 0.85 * 924 MiB = 785.4
  desk.door.cgroup_sampled(Bytes{786 * mib});
  REQUIRE(desk.loop.run_until([&] { return desk.agents[0].got.size() > before; }));
  CHECK(desk.agents[0].got.size() == before + 1);
}

TEST_CASE("a new connection replaces the old one") {
  Desk desk;
  desk.greet();
  desk.connect(desk.agents[1]);
  REQUIRE(desk.loop.run_until([&] { return desk.agents[0].closed.has_value(); }));
  CHECK(desk.answer(desk.agents[1], R"({"min":1,"max":1})") == R"({"version":1})");
  CHECK(desk.door.request_upscale());
  REQUIRE(desk.loop.run_until([&] { return desk.agents[1].got.size() == 2; }));
}
