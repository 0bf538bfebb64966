// Guests that fall silent, by a clock that the tests turn.
#include "core/daemon/guest_link.hpp"
#include "core/runtime/manual_clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scripted_guest.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

struct Link {
  TempDir folder;
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  fakes::ScriptedGuest guest{(folder.path() / "guest.sock").string()};
  int lost = 0;
  daemon::GuestLink link{loop, (folder.path() / "guest.sock").string(), callbacks()};

  Link() {
    link.start();
    REQUIRE(loop.run_until([this] { return link.connected(); }));
  }
  ~Link() { link.stop(); }

  daemon::GuestLink::Callbacks callbacks() {
    daemon::GuestLink::Callbacks all;
    all.came = [](const wire::Hello&) {};
    all.went = [this](const std::string&) { ++lost; };
    return all;
  }
  std::size_t pings() const {
    std::size_t count = 0;
    for (const wire::GuestMessage& each : guest.heard()) count += std::holds_alternative<wire::Ping>(each) ? 1 : 0;
    return count;
  }
  // Whatever was said to the guest so far has been answered.
  void settle() {
    bool answered = false;
    link.request(wire::Ping{}, 10s, [&](const Result<wire::Reply>& reply) { answered = reply.ok(); });
    REQUIRE(loop.run_until([&] { return answered; }));
  }
  // One more ping goes out, five seconds later.
  void await_ping() {
    const std::size_t before = pings();
    clock.advance(5s);
    REQUIRE(loop.run_until([&] { return pings() > before; }));
  }
};

}  // namespace

TEST_CASE("a guest that falls silent is given up after fifteen seconds, and comes back when it answers, though it says nothing by itself") {
  Link l;
  l.settle();
  l.guest.silent = true;
  l.await_ping();
  l.await_ping();
  CHECK(l.link.connected());
  l.await_ping();
  CHECK_FALSE(l.link.connected());
  l.await_ping();  // asked on
  l.guest.silent = false;
  l.clock.advance(5s);
  REQUIRE(l.loop.run_until([&] { return l.link.connected(); }));
  CHECK(l.lost == 1);
}

TEST_CASE("who stood still himself does not take it for the guest's silence") {
  Link l;
  l.settle();
  l.loop.post([&l] { l.clock.advance(2min); });  // inside a callback: at once
  REQUIRE(l.loop.run_until([&] { return l.pings() == 2; }));
  CHECK(l.link.connected());
  l.settle();
  l.guest.silent = true;  // but now it counts
  l.await_ping();
  l.await_ping();
  l.await_ping();
  CHECK(l.lost == 1);
}
