#include "core/runtime/loop.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

struct Pair {
  std::array<int, 2> fd{-1, -1};
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd.data()) == 0); }
  ~Pair() {
    close(fd[0]);
    close(fd[1]);
  }
  void put(const char* text) const { REQUIRE(write(fd[1], text, 1) == 1); }
  void take() const {
    char c = 0;
    REQUIRE(read(fd[0], &c, 1) == 1);
  }
};

}  // namespace

TEST_CASE("run returns the code given to stop, also from another thread") {
  Loop loop;
  std::thread other([&] { loop.stop(7); });
  CHECK(loop.run() == 7);
  other.join();
}

TEST_CASE("posted tasks run in order and stop ends after the current one") {
  Loop loop;
  std::string seen;
  loop.post([&] { seen += 'a'; });
  loop.post([&] {
    loop.stop(3);
    seen += 'b';
  });
  loop.post([&] { seen += 'c'; });
  CHECK(loop.run() == 3);
  CHECK(seen == "ab");
}

TEST_CASE("tasks never run are dropped with what they hold") {
  auto held = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([held] { FAIL("must not run"); });
    const Timer timer = loop.after(1h, [held] { FAIL("must not run"); });
    CHECK(held.use_count() == 3);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a timer, a watch and a loop may go in any order") {
  const Pair pair;
  Timer timer;
  FdWatch watch;
  {
    Loop loop;
    timer = loop.after(1h, [] {});
    watch = loop.watch_readable(pair.fd[0], [] {});
    CHECK(timer.pending());
  }
  CHECK_FALSE(timer.pending());
  timer.cancel();
}

TEST_CASE("a timer whose task holds another timer of the same moment cancels it cleanly") {
  Loop loop;
  auto inner = std::make_shared<Timer>(loop.after(1h, [] {}));
  Timer outer = loop.after(1h, [inner] {});
  inner.reset();
  outer.cancel();
  bool fired = false;
  Timer next = loop.after(1ms, [&] { fired = true; });
  CHECK(loop.run_until([&] { return fired; }));
}

TEST_CASE("timers of the system clock fire in order and not when cancelled") {
  Loop loop;
  std::string seen;
  Timer c = loop.after(30ms, [&] { seen += 'c'; });
  Timer a = loop.after(10ms, [&] { seen += 'a'; });
  Timer b = loop.after(20ms, [&] { seen += 'b'; });
  b.cancel();
  CHECK(loop.run_until([&] { return seen.size() == 2; }));
  CHECK(seen == "ac");
  CHECK_FALSE(a.pending());
}

TEST_CASE("run_until gives up at its limit") {
  Loop loop;
  CHECK_FALSE(loop.run_until([] { return false; }, 5ms));
}

TEST_CASE("a readable fd is reported until it is read empty") {
  Loop loop;
  const Pair pair;
  int calls = 0;
  FdWatch watch = loop.watch_readable(pair.fd[0], [&] {
    ++calls;
    pair.take();
  });
  pair.put("x");
  pair.put("y");
  CHECK(loop.run_until([&] { return calls == 2; }));
  CHECK_FALSE(loop.run_until([&] { return calls > 2; }, 20ms));
}

TEST_CASE("both directions of one fd are watched, and one goes on when the other ends") {
  Loop loop;
  const Pair pair;
  int reads = 0;
  int writes = 0;
  FdWatch reading = loop.watch_readable(pair.fd[0], [&] {
    ++reads;
    pair.take();
  });
  FdWatch writing = loop.watch_writable(pair.fd[0], [&] {
    ++writes;
    writing = {};
  });
  CHECK(loop.run_until([&] { return writes == 1; }));
  pair.put("x");
  CHECK(loop.run_until([&] { return reads == 1; }));
  reading = {};
  writing = loop.watch_writable(pair.fd[0], [&] {
    ++writes;
    writing = {};
  });
  CHECK(loop.run_until([&] { return writes == 2; }));
}

TEST_CASE("a watch that ends while it waits leaves no wait behind") {
  Loop loop;
  const Pair pair;
  std::string block(1 << 16, 'x');
  while (write(pair.fd[0], block.data(), block.size()) > 0) {
  }
  int writes = 0;
  FdWatch reading = loop.watch_readable(pair.fd[0], [] {});
  FdWatch first = loop.watch_writable(pair.fd[0], [] { FAIL("ended"); });
  loop.run_until([] { return false; }, 5ms);
  first = {};
  FdWatch second = loop.watch_writable(pair.fd[0], [&] {
    ++writes;
    second = {};
  });
  while (read(pair.fd[1], block.data(), block.size()) > 0) {
  }
  CHECK(loop.run_until([&] { return writes == 1; }));
}

TEST_CASE("a file is always ready and a bad fd is reported") {
  Loop loop;
  FILE* file = tmpfile();
  REQUIRE(file != nullptr);
  int calls = 0;
  FdWatch watch = loop.watch_readable(fileno(file), [&] { ++calls; });
  CHECK(loop.run_until([&] { return calls == 3; }));
  watch = {};
  FdWatch bad = loop.watch_readable(987654, [&] { ++calls; });
  CHECK(loop.run_until([&] { return calls == 4; }));
  bad = {};
  std::fclose(file);
}

TEST_CASE("urgent data wakes a priority watch, plain data does not") {
  Loop loop;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(listener, 1) == 0);
  socklen_t size = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const int server = accept(listener, nullptr, nullptr);
  int urgent = 0;
  FdWatch watch = loop.watch_priority(server, [&] {
    ++urgent;
    char c = 0;
    CHECK(recv(server, &c, 1, MSG_OOB) == 1);
  });
  REQUIRE(send(client, "p", 1, 0) == 1);
  CHECK_FALSE(loop.run_until([&] { return urgent > 0; }, 20ms));
  REQUIRE(send(client, "u", 1, MSG_OOB) == 1);
  CHECK(loop.run_until([&] { return urgent == 1; }));
  REQUIRE(send(client, "v", 1, MSG_OOB) == 1);
  CHECK(loop.run_until([&] { return urgent == 2; }));
  watch = {};
  close(client);
  close(server);
  close(listener);
}

TEST_CASE("a watch may end itself and its neighbour inside its task") {
  Loop loop;
  const Pair pair;
  int calls = 0;
  FdWatch first;
  FdWatch second;
  const auto end_both = [&] {
    ++calls;
    first = {};
    second = {};
  };
  first = loop.watch_readable(pair.fd[0], end_both);
  second = loop.watch_readable(pair.fd[0], end_both);
  pair.put("x");
  CHECK_FALSE(loop.run_until([&] { return calls > 1; }, 20ms));
  CHECK(calls == 1);
}

TEST_CASE("signals arrive on the loop") {
  Loop loop;
  int got = 0;
  loop.on_signals({SIGUSR1, SIGUSR2}, [&](int signal) { got += signal; });
  raise(SIGUSR1);
  CHECK(loop.run_until([&] { return got == SIGUSR1; }));
  raise(SIGUSR2);
  CHECK(loop.run_until([&] { return got == SIGUSR1 + SIGUSR2; }));
}

TEST_CASE("work off the loop runs elsewhere, its answer here") {
  Loop loop(2);
  const auto here = std::this_thread::get_id();
  int sum = 0;
  for (int i = 1; i <= 100; ++i) {
    loop.off_loop([i] { return std::pair(i, std::this_thread::get_id()); },
                  [&, here](std::pair<int, std::thread::id> result) {
                    CHECK(result.second != here);
                    CHECK(std::this_thread::get_id() == here);
                    sum += result.first;
                  });
  }
  CHECK(loop.run_until([&] { return sum == 5050; }));
}

TEST_CASE("workers run side by side, up to their number") {
  Loop loop(3);
  std::atomic<int> inside{0};
  int done = 0;
  for (int i = 0; i < 3; ++i) {
    loop.off_loop(
        [&] {
          ++inside;
          const Instant end = std::chrono::steady_clock::now() + 10s;
          while (inside < 3 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
          return inside.load();
        },
        [&](int together) {
          CHECK(together == 3);
          ++done;
        });
  }
  CHECK(loop.run_until([&] { return done == 3; }));
}

TEST_CASE("the loop waits for the work that has begun and drops the rest") {
  std::atomic<bool> began{false};
  std::atomic<bool> ended{false};
  {
    Loop loop(1);
    loop.off_loop(
        [&] {
          began = true;
          std::this_thread::yield();
          ended = true;
          return 1;
        },
        [](int) { FAIL("the loop has ended"); });
    loop.off_loop([] { return 1; }, [](int) { FAIL("the loop has ended"); });
    while (!began) std::this_thread::yield();
  }
  CHECK(ended);
}

TEST_CASE("many threads post at once") {
  Loop loop;
  std::atomic<int> left{4};
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) loop.post([&] { ++ran; });
      if (--left == 0) loop.post([&] { loop.stop(); });
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(ran == 4000);
}
