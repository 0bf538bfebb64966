#include "core/runtime/manual_clock.hpp"

#include <thread>

#include "core/runtime/loop.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

TEST_CASE("turning the clock fires timers in order, each at its own moment") {
  ManualClock clock;
  Loop loop(clock);
  const Instant start = clock.now();
  std::vector<std::pair<char, Duration>> seen;
  const auto note = [&](char c) { return [&, c] { seen.emplace_back(c, loop.now() - start); }; };
  Timer c = loop.after(5s, note('c'));
  Timer a = loop.after(1s, note('a'));
  Timer b = loop.after(1s, note('b'));
  Timer d = loop.after(6s, note('d'));
  clock.advance(5s);
  CHECK(seen == std::vector<std::pair<char, Duration>>{{'a', 1s}, {'b', 1s}, {'c', 5s}});
  CHECK(clock.now() == start + 5s);
  CHECK(d.pending());
  clock.advance(1s);
  CHECK(seen.size() == 4);
}

TEST_CASE("a timer that re-arms itself fires as often as it would have") {
  ManualClock clock;
  Loop loop(clock);
  int ticks = 0;
  Timer timer;
  std::function<void()> tick = [&] {
    ++ticks;
    timer = loop.after(1s, tick);
  };
  timer = loop.after(1s, tick);
  clock.advance(10s);
  CHECK(ticks == 10);
}

TEST_CASE("a timer for now fires at the next turn, not for ever in this one") {
  ManualClock clock;
  Loop loop(clock);
  int ticks = 0;
  Timer timer;
  std::function<void()> tick = [&] {
    if (++ticks < 3) timer = loop.after(0s, tick);
  };
  timer = loop.after(0s, tick);
  clock.advance(1s);
  CHECK(ticks >= 1);
  clock.advance(1s);
  clock.advance(1s);
  CHECK(ticks == 3);
}

TEST_CASE("what timers post runs before time goes on") {
  ManualClock clock;
  Loop loop(clock);
  const Instant start = clock.now();
  Duration seen{};
  Timer timer = loop.after(2s, [&] { loop.post([&] { loop.post([&] { seen = loop.now() - start; }); }); });
  clock.advance(1h);
  CHECK(seen == 2s);
}

TEST_CASE("two loops share one time") {
  ManualClock clock;
  Loop one(clock);
  Loop two(clock);
  std::string seen;
  Timer b = two.after(2s, [&] { seen += 'b'; });
  Timer a = one.after(1s, [&] { seen += 'a'; });
  Timer c = one.after(3s, [&] { seen += 'c'; });
  clock.advance(10s);
  CHECK(seen == "abc");
}

TEST_CASE("advancing inside a callback takes effect after it") {
  ManualClock clock;
  Loop loop(clock);
  bool fired = false;
  Timer timer = loop.after(5s, [&] { fired = true; });
  loop.post([&] {
    clock.advance(10s);
    CHECK_FALSE(fired);
  });
  CHECK(loop.run_until([&] { return fired; }));
}

TEST_CASE("the clock of a loop that runs on another thread") {
  ManualClock clock;
  Loop loop(clock);
  std::vector<int> seen;
  Timer two;
  Timer one = loop.after(1s, [&] {
    seen.push_back(1);
    two = loop.after(1s, [&] { seen.push_back(2); });
  });
  std::atomic<bool> running{false};
  loop.post([&] { running = true; });
  std::thread other([&] { loop.run(); });
  while (!running) std::this_thread::yield();
  clock.advance(3s);
  loop.stop();
  other.join();
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE("the wall clock can jump alone") {
  ManualClock clock;
  const Instant before = clock.now();
  const WallTime wall = clock.wall();
  clock.jump_wall(-1h);
  CHECK(clock.now() == before);
  CHECK(clock.wall() == wall - 1h);
  clock.advance(1min);
  CHECK(clock.wall() == wall - 1h + 1min);
}
