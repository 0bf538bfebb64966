#include "guest/cpu_online.hpp"

#include <condition_variable>
#include <mutex>

#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using Ids = std::vector<std::uint32_t>;

namespace {

// /sys/devices/system/cpu of plain files; CPU 0 cannot be switched, as on most machines.
class Tree {
 public:
  explicit Tree(std::uint32_t cpus, std::uint32_t online) {
    dir_.write("present", "0-" + std::to_string(cpus - 1) + "\n");
    for (std::uint32_t cpu = 1; cpu < cpus; ++cpu) dir_.write(file(cpu), cpu < online ? "1\n" : "0\n");
    std::filesystem::create_directories(dir_.path("cpu0"));
  }
  [[nodiscard]] CpuTree tree() const { return CpuTree(dir_.path()); }
  [[nodiscard]] Ids online() const { return tree().read()->online; }
  static std::string file(std::uint32_t cpu) { return "cpu" + std::to_string(cpu) + "/online"; }
  TempDir dir_;
};

// Turns CPUs of a tree, but for one that never comes back (until the end) and one that is refused.
class Switches {
 public:
  Switches(const Tree& tree, std::uint32_t stuck, std::uint32_t refused)
      : tree_(tree.tree()), stuck_(stuck), refused_(refused) {}
  ~Switches() { release(); }
  Switches(const Switches&) = delete;
  Switches& operator=(const Switches&) = delete;

  CpuOnline::Switch turn() {
    return [this](std::uint32_t cpu, bool on) -> Status {
      if (cpu == refused_) return Error{Code::unavailable, "Device or resource busy"};
      if (cpu == stuck_) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return released_; });
      }
      return tree_.switch_cpu(cpu, on);
    };
  }
  void release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

 private:
  CpuTree tree_;
  std::uint32_t stuck_, refused_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
};

CpuOutcome settle(runtime::Loop& loop, CpuOnline& cpus, std::uint32_t count) {
  std::optional<CpuOutcome> outcome;
  cpus.want(count, [&](const CpuOutcome& reached) { outcome = reached; });
  REQUIRE(loop.run_until([&] { return outcome.has_value(); }));
  return *outcome;
}

}  // namespace

TEST_CASE("CPU lists") {
  CHECK(*parse_cpu_list("0-3,7, 9-10\n") == Ids{0, 1, 2, 3, 7, 9, 10});
  CHECK(parse_cpu_list("\n")->empty());
  CHECK(*parse_cpu_list("5,1,5") == Ids{1, 5});
  for (const char* bad : {"3-1", "a", "1-", "-1", "1,", "1,,2", "0-65536", "99999999999", "1 2"}) {
    INFO(bad);
    CHECK_FALSE(parse_cpu_list(bad));
  }
}

TEST_CASE("which CPU is next") {
  const CpuMap map{{0, 1, 4}, {2, 3, 5}};
  CHECK(next_step(map, 4, {}) == CpuStep{2, true});
  CHECK(next_step(map, 4, {2}) == CpuStep{3, true});
  CHECK(next_step(map, 2, {}) == CpuStep{4, false});
  CHECK(next_step(map, 1, {4}) == CpuStep{1, false});
  CHECK_FALSE(next_step(map, 3, {}));
  CHECK_FALSE(next_step(map, 9, {2, 3, 5}));
  CHECK_FALSE(next_step(CpuMap{{0}, {}}, 0, {}));
}

TEST_CASE("lowest on first, highest off first") {
  const Tree tree(6, 1);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree());
  CHECK(cpus.counts() == std::pair<std::uint32_t, std::uint32_t>{1, 6});
  CHECK(settle(loop, cpus, 4).ok);
  CHECK(tree.online() == Ids{0, 1, 2, 3});
  CHECK(settle(loop, cpus, 2).online == 2);
  CHECK(tree.online() == Ids{0, 1});
  CHECK(settle(loop, cpus, 2).ok);
}

TEST_CASE("a wish that cannot be met says how far it came") {
  const Tree tree(3, 1);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree());
  const CpuOutcome more = settle(loop, cpus, 5);
  CHECK_FALSE(more.ok);
  CHECK(more.online == 3);
  CHECK(more.why == "only 3 CPUs are present");
  const CpuOutcome none = settle(loop, cpus, 0);
  CHECK_FALSE(none.ok);
  CHECK(none.online == 3);
}

TEST_CASE("a CPU that refuses is left out, the next one is taken") {
  const Tree tree(5, 1);
  Switches switches(tree, 99, 2);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree(), {}, switches.turn());
  CHECK(settle(loop, cpus, 4).ok);
  CHECK(tree.online() == Ids{0, 1, 3, 4});
  const CpuOutcome all = settle(loop, cpus, 5);
  CHECK_FALSE(all.ok);
  CHECK(all.online == 4);
  CHECK(all.why == "cpu2: Device or resource busy");
}

TEST_CASE("a CPU that does not come back does not hold up the rest") {
  const Tree tree(5, 1);
  Switches switches(tree, 1, 99);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree(), {std::chrono::seconds(1), std::chrono::seconds(30)}, switches.turn());
  SECTION("others make up for it") {
    CHECK(settle(loop, cpus, 4).ok);
    CHECK(tree.online() == Ids{0, 2, 3, 4});
  }
  SECTION("or the shortfall is said, with the one to blame") {
    const CpuOutcome outcome = settle(loop, cpus, 5);
    CHECK_FALSE(outcome.ok);
    CHECK(outcome.online == 4);
    CHECK(outcome.why == "cpu1: has not switched in time");
    // It is still stuck, and known to be.
    CHECK(settle(loop, cpus, 5).why == "cpu1: is stuck in an earlier switch");
    switches.release();
    REQUIRE(loop.run_until([&] { return tree.online().size() == 5; }));
  }
  switches.release();
}

TEST_CASE("a wish is answered when the kernel takes for ever") {
  const Tree tree(2, 1);
  Switches switches(tree, 1, 99);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree(), {std::chrono::seconds(60), std::chrono::milliseconds(50)}, switches.turn());
  const CpuOutcome outcome = settle(loop, cpus, 2);
  CHECK_FALSE(outcome.ok);
  CHECK(outcome.why == "the kernel has not finished switching");
  switches.release();
}

TEST_CASE("a newer wish supersedes an older one") {
  const Tree tree(8, 1);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree());
  std::vector<std::string> answers;
  cpus.want(8, [&](const CpuOutcome& outcome) { answers.push_back(outcome.why); });
  cpus.want(3, [&](const CpuOutcome& outcome) { answers.push_back(outcome.ok ? "ok" : outcome.why); });
  REQUIRE(loop.run_until([&] { return answers.size() == 2; }));
  CHECK(answers == std::vector<std::string>{"superseded by a wish for 3", "ok"});
  CHECK(tree.online().size() == 3);
}

TEST_CASE("a hot-plugged CPU is switched on at once") {
  const Tree tree(4, 2);
  runtime::Loop loop;
  CpuOnline cpus(loop, tree.tree());
  cpus.appeared(3);
  REQUIRE(loop.run_until([&] { return tree.online().size() == 3; }));
  CHECK(tree.online() == Ids{0, 1, 3});
}
