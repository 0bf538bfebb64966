// Looking at /proc: when, and what is made of it.
#include "guest/guest_metrics.hpp"
#include "guest/memory_watch.hpp"
#include "guest/pressure.hpp"
#include "guest/sampler.hpp"
#include "core/runtime/manual_clock.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;

namespace {

// A /proc of plain files, of a guest with one CPU and 500 MiB.
class Proc {
 public:
  Proc() {
    dir.write("loadavg", "0.50 0.25 0.10 2/80 1234\n");
    cpu_ticks(100);
    available(400);
    dir.write("vmstat", "workingset_refault_file 10\npswpin 0\noom_kill 0\n");
    dir.write("zoneinfo", "Node 0, zone Normal\n  pages free 7\n");
    for (const char* resource : {"cpu", "memory", "io"}) stalled(resource, 0);
  }
  void available(std::uint64_t mebibytes) const {
    dir.write("meminfo", "MemTotal: 512000 kB\nMemFree: 1000 kB\nMemAvailable: " + std::to_string(mebibytes * 1024) + " kB\n");
  }
  void cpu_ticks(std::uint64_t busy) const {
    dir.write("stat", "cpu " + std::to_string(busy) + " 0 0 900 0 0 0 0 0 0\ncpu0 0 0 0 0\nprocs_running 3\nprocs_blocked 0\n");
  }
  void stalled(const std::string& resource, std::uint64_t microseconds) const {
    dir.write("pressure/" + resource, "some avg10=0.00 avg60=0.00 avg300=0.00 total=" + std::to_string(microseconds) + "\n");
  }
  TempDir dir;
};

struct Taken {
  GuestSample sample;
  std::string event;
};

}  // namespace

TEST_CASE("a sample each period, and at once when something happens") {
  const Proc proc;
  runtime::ManualClock clock;
  runtime::Loop loop(clock);
  std::vector<Taken> taken;
  Sampler sampler(loop, [&](const GuestSample& sample, const std::string& event) { taken.push_back({sample, event}); },
                  {1s, 50ms}, proc.dir.path());
  sampler.start();
  REQUIRE(taken.size() == 1);
  CHECK_FALSE(is_known(taken[0].sample.cpu_used));
  proc.cpu_ticks(150);
  clock.advance(1s);
  REQUIRE(taken.size() == 2);
  CHECK(taken[1].event.empty());
  CHECK(taken[1].sample.cpu_used == Approx(0.5));
  CHECK(taken[1].sample.runnable == 2);

  SECTION("at once") {
    clock.advance(300ms);
    sampler.event("memory");
    REQUIRE(taken.size() == 3);
    CHECK(taken[2].event == "memory");
    CHECK(taken[2].sample.interval == Approx(0.3));
    clock.advance(999ms);
    CHECK(taken.size() == 3);  // the period begins anew
    clock.advance(1ms);
    CHECK(taken.size() == 4);
  }
  SECTION("but not more often than each 50 ms") {
    sampler.event("cpu");
    sampler.event("memory");
    CHECK(taken.size() == 2);
    clock.advance(50ms);
    REQUIRE(taken.size() == 3);
    CHECK(taken[2].event == "cpu");
  }
  CHECK(sampler.missing().empty());
}

TEST_CASE("a kernel that does not tell something is said by its file") {
  const Proc proc;
  std::filesystem::remove_all(proc.dir.path("pressure"));
  runtime::Loop loop;
  Sampler sampler(loop, [](const GuestSample&, const std::string&) {}, {}, proc.dir.path());
  sampler.start();
  CHECK(sampler.missing().size() == 3);
  CHECK(sampler.missing()[0] == proc.dir.path("pressure/cpu"));
  CHECK(sampler.last().memory_total == Bytes{512000 * kib});
  CHECK_FALSE(is_known(sampler.last().cpu.some_avg10));
}

TEST_CASE("memory is looked at the more often the less there is") {
  CHECK(next_look(Bytes{4 * gib}, Bytes{0}, 1s) == 1s);
  CHECK(next_look(Bytes{512 * mib}, Bytes{0}, 1s) == 500ms);
  CHECK(next_look(Bytes{512 * mib}, Bytes{64 * mib}, 1s) == 125ms);
  CHECK(next_look(Bytes{1 * mib}, Bytes{0}, 1s) == 100ms);
  CHECK(next_look(Bytes{0}, Bytes{4 * gib}, 1s) == 100ms);
}

TEST_CASE("more memory is asked for while there is some left") {
  const Proc proc;
  runtime::ManualClock clock;
  runtime::Loop loop(clock);
  decide::GuestConsent consent;
  std::vector<decide::MemoryWish> wishes;
  bool listened = true;
  MemoryWatch watch(loop, consent, [&](const decide::MemoryWish& wish) {
    wishes.push_back(wish);
    return listened;
  }, proc.dir.path());
  int looks = 0;
  watch.on_look([&](Instant) { ++looks; });
  watch.look();
  clock.advance(2s);
  CHECK(wishes.empty());
  CHECK(looks > 4);

  SECTION("256 MiB a second, as long as it is not answered") {
    for (std::uint64_t left = 400; left > 100; left -= 25) {
      proc.available(left);
      clock.advance(100ms);
    }
    REQUIRE_FALSE(wishes.empty());
    CHECK(wishes.front().memory > Bytes{600 * mib});
    CHECK(wishes.front().why.find("use grows by") != std::string::npos);
    // Not with every look.
    CHECK(wishes.size() < 10);
  }
  SECTION("nobody has listened, so the next look asks again") {
    listened = false;
    proc.available(20);
    clock.advance(500ms);
    const std::size_t asked = wishes.size();
    CHECK(asked > 1);
    clock.advance(200ms);
    CHECK(wishes.size() > asked);
  }
}

TEST_CASE("pressure by totals, where the kernel takes no triggers") {
  const Proc proc;  // plain files cannot be polled for events
  runtime::ManualClock clock;
  runtime::Loop loop(clock);
  std::vector<Pressured> fired;
  PressureWatch watch(loop, [&](Pressured what) { fired.push_back(what); }, proc.dir.path("pressure"));
  CHECK(watch.means() == PressureWatch::Means::polled);
  CHECK(watch.word().starts_with("polled: "));
  clock.advance(1s);
  CHECK(fired.empty());
  proc.stalled("memory", 20'000);
  clock.advance(200ms);
  CHECK(fired.empty());
  proc.stalled("memory", 60'000);
  clock.advance(200ms);
  CHECK(fired == std::vector<Pressured>{Pressured::memory});
  clock.advance(1s);
  CHECK(fired.size() == 1);
}

TEST_CASE("a kernel without PSI is said to be one") {
  runtime::Loop loop;
  const PressureWatch watch(loop, [](Pressured) {}, "/no/such/folder");
  CHECK(watch.means() == PressureWatch::Means::none);
  CHECK(watch.word() == "none: /no/such/folder/cpu: No such file or directory");
}

TEST_CASE("the gauges that upstream's agent reads") {
  const Proc proc;
  ProcReader reader(proc.dir.path());
  GuestMetrics metrics;
  metrics.sampled(reader.sample(Instant{} + 1s));
  const std::string text = metrics.text();
  for (const char* line : {"# TYPE host_load1 gauge", "host_load1 0.5", "host_load5 0.25", "host_memory_total_bytes 524288000",
                           "host_memory_available_bytes 419430400"}) {
    INFO(text);
    CHECK(text.find(line) != std::string::npos);
  }
}
