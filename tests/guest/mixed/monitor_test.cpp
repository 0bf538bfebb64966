// Upstream's agent at our monitor: agent/*.jsonl, played over a real WebSocket. The guest has 1000 MiB, of which 900 are available. The steps:
//   {"connects":NAME}                     an agent does, as upstream's does after a restart, and is the one that speaks from now on
//   {"says":{…}} or {"says":"TEXT"}       a frame, by that agent
//   {"hears":{…}}                         the next frame has these members
//   {"silent":true}                       nothing has come beside what was heard
//   {"closed":NAME}                       that one's connection ends
//   {"available":MIB}                     a sample of the guest's memory
//   {"needs":"memory"}                    the guest wants more
//   {"later":SECONDS}
#include <deque>

#include "core/runtime/http.hpp"
#include "core/runtime/manual_clock.hpp"
#include "guest/upstream_door.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/recorded_script.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

struct Speaker {
  std::shared_ptr<runtime::Channel> channel;
  std::deque<std::string> heard;
  bool closed = false;
};

struct MonitoredGuest {
  TempDir dir;
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  decide::GuestConsent consent;
  runtime::HttpServer server{loop};
  Hooks hooks{loop, dir.path("hooks")};
  ConsentDesk desk{loop, consent, hooks};
  UpstreamDoor door{loop, consent, desk};
  runtime::Endpoint at{runtime::Endpoint::Scheme::tcp, "127.0.0.1", 0};
  std::map<std::string, Speaker> speakers;
  std::string now;

  MonitoredGuest() {
    server.channel("/monitor", [this](const runtime::HttpRequest&, std::shared_ptr<runtime::Channel> channel) { door.connected(std::move(channel)); });
    at = server.listen(at).value();
    sampled(900);
  }
  ~MonitoredGuest() {
    for (auto& [name, speaker] : speakers)
      if (speaker.channel) speaker.channel->close();
  }
  void until(const std::function<bool()>& holds) { REQUIRE(loop.run_until(holds)); }

  void sampled(std::uint64_t available) {
    GuestSample sample;
    sample.at = loop.now();
    sample.memory_total = Bytes{1000 * mib};
    sample.memory_available = Bytes{available * mib};
    consent.sampled(sample);
  }
  void connect(const std::string& name) {
    now = name;
    Speaker& speaker = speakers[name];
    runtime::connect_channel(loop, at, "/monitor", loop.now() + 10s, {}, [&speaker](Result<std::shared_ptr<runtime::Channel>> opened) {
      REQUIRE(opened);
      speaker.channel = *opened;
      speaker.channel->on_message([&speaker](const runtime::ChannelMessage& message) { speaker.heard.push_back(message.data); });
      speaker.channel->on_closed([&speaker](const Error&) { speaker.closed = true; });
    });
    until([&speaker] { return speaker.channel != nullptr; });
  }
  void hear(const json& expected) {
    Speaker& speaker = speakers.at(now);
    until([&speaker] { return !speaker.heard.empty(); });
    INFO("heard " << speaker.heard.front());
    CHECK(tests::has(json::parse(speaker.heard.front(), nullptr, false), expected));
    speaker.heard.pop_front();
  }
  void no_more() { CHECK(speakers.at(now).heard.empty()); }
  void play(const json& step) {
    if (step.contains("connects")) return connect(step["connects"].get<std::string>());
    if (step.contains("says")) return (void)speakers.at(now).channel->send(step["says"].is_string() ? step["says"].get<std::string>() : step["says"].dump());
    if (step.contains("hears")) return hear(step["hears"]);
    if (step.contains("silent")) return no_more();
    if (step.contains("closed")) return until([&] { return speakers.at(step["closed"].get<std::string>()).closed; });
    if (step.contains("available")) return sampled(step["available"].get<std::uint64_t>());
    if (step.contains("needs")) return (void)door.request_upscale();
    if (step.contains("later")) return clock.advance(std::chrono::seconds(step["later"].get<int>()));
    FAIL("there is no such step");
  }
};

}  // namespace

TEST_CASE("upstream's agent at our monitor") {
  for (const auto& [name, script] : tests::scripts_in(SCRIPTS "/agent")) {
    DYNAMIC_SECTION(name) {
      MonitoredGuest guest;
      for (const tests::ScriptLine& line : script) {
        INFO(line.place);
        guest.play(line.step);
      }
    }
  }
}
