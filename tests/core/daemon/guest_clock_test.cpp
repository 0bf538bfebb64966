// The host's end of keeping a guest's clock, against a scripted guest over a real socket.
#include "core/daemon/guest_clock.hpp"

#include <algorithm>

#include "core/runtime/manual_clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_guest.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

// Real time, whose wall clock can be set.
class SetClock : public runtime::Clock {
 public:
  Duration set_by{};
  [[nodiscard]] Instant now() const override { return runtime::system_clock().now(); }
  [[nodiscard]] WallTime wall() const override {
    return runtime::system_clock().wall() + std::chrono::duration_cast<std::chrono::milliseconds>(set_by);
  }
};

struct Pair {
  TempDir directory;
  SetClock time;
  runtime::Loop loop{time};
  std::string socket = (directory.path() / "guest.sock").string();
  fakes::ScriptedGuest scripted{socket};
  bool came = false;
  std::vector<decide::ClockOffset> measured;
  std::vector<std::string> told;
  daemon::GuestLink link{loop, socket, callbacks()};
  daemon::GuestClock clock{loop, link, {[this](const decide::ClockOffset& offset) { measured.push_back(offset); },
                                        [this](const std::string& what, bool warning) { told.push_back((warning ? "! " : "") + what); }}};

  daemon::GuestLink::Callbacks callbacks() {
    daemon::GuestLink::Callbacks all;
    all.came = [this](const wire::Hello&) { came = true; };
    all.went = [](const std::string&) {};
    return all;
  }
  void meet() {
    link.start();
    REQUIRE(loop.run_until([this] { return came; }));
  }
  [[nodiscard]] std::vector<wire::SetClock> orders() const {
    std::vector<wire::SetClock> found;
    for (const auto& message : scripted.heard())
      if (const auto* order = std::get_if<wire::SetClock>(&message)) found.push_back(*order);
    return found;
  }
  // As far off as that, to what the way there and back leaves open.
  static bool about(Duration is, Duration should, Duration error) { return std::chrono::abs(is - should) <= error + 2ms; }
};

}  // namespace

TEST_CASE("a guest whose clock is right is only looked at") {
  Pair pair;
  pair.meet();
  pair.clock.check();
  REQUIRE(pair.loop.run_until([&] { return !pair.measured.empty(); }));
  CHECK(Pair::about(pair.measured[0].behind, 0s, pair.measured[0].error));
}

TEST_CASE("a guest whose clock stood still is told by how much") {
  Pair pair;
  pair.scripted.clock_ahead = -5s;
  pair.meet();
  pair.clock.check();
  REQUIRE(pair.loop.run_until([&] { return !pair.told.empty(); }));
  const auto orders = pair.orders();
  REQUIRE(orders.size() == 1);
  CHECK(Pair::about(orders[0].behind, 5s, orders[0].error));
  CHECK(pair.told[0].starts_with("set forward by "));

  SECTION("and is right afterwards") {
    pair.clock.check();
    REQUIRE(pair.loop.run_until([&] { return pair.measured.size() == 2; }));
    CHECK(Pair::about(pair.measured[1].behind, 0s, pair.measured[1].error + orders[0].error));
  }
  SECTION("a host whose own clock is set back takes the guest along, with a warning") {
    pair.time.set_by = -1h;
    pair.clock.check();
    REQUIRE(pair.loop.run_until([&] { return pair.told.size() == 2; }));
    CHECK(Pair::about(pair.orders()[1].behind, -1h, pair.orders()[1].error + orders[0].error));
    CHECK(pair.told[1].starts_with("! set back by "));
  }
}

TEST_CASE("a guest that does not know the question is not asked") {
  Pair pair;
  pair.scripted.knows_clock = false;
  pair.meet();
  pair.clock.check();
  wire::Ping ping;
  bool answered = false;
  pair.link.request(ping, 5s, [&](const Result<wire::Reply>&) { answered = true; });
  REQUIRE(pair.loop.run_until([&] { return answered; }));
  for (const auto& message : pair.scripted.heard()) CHECK_FALSE(std::holds_alternative<wire::AskClock>(message));
}

TEST_CASE("after stop nothing is told") {
  Pair pair;
  pair.scripted.clock_ahead = -5s;
  pair.meet();
  pair.clock.check();
  pair.clock.stop();
  bool answered = false;
  pair.link.request(wire::Ping{}, 5s, [&](const Result<wire::Reply>&) { answered = true; });
  REQUIRE(pair.loop.run_until([&] { return answered; }));
  CHECK(pair.measured.empty());
  CHECK(pair.orders().empty());
}

TEST_CASE("a guest that cannot tell the time is asked ever less often") {
  TempDir directory;
  runtime::ManualClock time;
  runtime::Loop loop(time);
  fakes::ScriptedGuest scripted((directory.path() / "guest.sock").string());
  scripted.tells_clock = false;
  bool came = false;
  daemon::GuestLink::Callbacks callbacks;
  callbacks.came = [&came](const wire::Hello&) { came = true; };
  callbacks.went = [](const std::string&) {};
  daemon::GuestLink link(loop, (directory.path() / "guest.sock").string(), callbacks);
  daemon::GuestClock clock(loop, link, {});
  link.start();
  REQUIRE(loop.run_until([&] { return came; }));
  const auto asked = [&scripted] {
    const auto heard = scripted.heard();
    return std::count_if(heard.begin(), heard.end(), [](const auto& each) { return std::holds_alternative<wire::AskClock>(each); });
  };
  // Everything that was sent before has been answered.
  const auto settle = [&] {
    bool answered = false;
    link.request(wire::Ping{}, 5s, [&answered](const Result<wire::Reply>&) { answered = true; });
    REQUIRE(loop.run_until([&answered] { return answered; }));
  };
  for (const Duration first : {5s, 5s}) {  // whoever knows that the clock may be wrong is not kept waiting
    auto count = asked();
    clock.check();
    settle();
    REQUIRE(asked() == ++count);
    Duration pause = first;
    for (int i = 0; i < 6; ++i) {
      // In steps in which the link does not take the guest's answers, that have yet to come, for its silence.
      for (Duration left = pause - 1ms; left > Duration{}; left -= 4s) {
        time.advance(std::min<Duration>(left, 4s));
        settle();
      }
      REQUIRE(asked() == count);
      time.advance(1ms);
      settle();
      REQUIRE(asked() == ++count);
      pause = std::min<Duration>(2 * pause, 60s);
    }
  }
}
