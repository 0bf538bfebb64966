#include "plugins/policy-budget/budget_policy.hpp"

#include <rapidcheck.h>

#include "tests/support/catch.hpp"
#include "tests/support/stand_in_policy.hpp"

using namespace neonvm;
using namespace neonvm::policy_budget;
using namespace std::chrono_literals;

namespace {

using Settings = std::map<std::string, std::string>;

constexpr std::int64_t midnight = 1704067200;

struct World {
  test::StandInAnswer answer{{MilliCpu{4000}, Bytes{16 * gib}}, true, {}};
  PolicyInput input;
  BudgetPolicy policy;

  explicit World(const Settings& settings)
      : policy(*read_options(settings), std::make_unique<test::StandInPolicy>(answer)) {
    input.vm = "vm";
    input.using_now = {MilliCpu{250}, Bytes{gib}};
    input.min = {MilliCpu{250}, Bytes{gib}};
    input.max = {MilliCpu{4000}, Bytes{16 * gib}};
    input.compute_unit = default_compute_unit;
    pass(0s);
  }
  void pass(Duration time) {
    now_ += time;
    input.now = Instant(now_);
    input.wall_seconds = midnight + now_ / 1s;
  }
  Goal goal() {
    auto made = policy.decide(input);
    REQUIRE(made);
    return *made;
  }

 private:
  Duration now_{};
};

const Because& last(const Goal& goal) { return goal.because.back(); }

}  // namespace

TEST_CASE("budget: the wish passes while there is enough") {
  World world(Settings{{"cu-hours", "1000"}});
  const Goal goal = world.goal();
  CHECK(goal.wish == world.answer.wish);
  CHECK(last(goal) == Because{"budget", "0 of 1000 CU-hours used, 24 h to go: at most 11713 CU"});
  CHECK(goal.because.front().rule == "stand-in");
  CHECK(goal.ask_again == 150s);
}

TEST_CASE("budget: the least size is always left for the rest of the period") {
  World world(Settings{{"cu-hours", "48"}, {"hold", "1h"}});
  // 48 - 24 of the least size: 24 to spend, at 1 h: 25 CU, more than the VM can be.
  CHECK(world.goal().wish == world.answer.wish);
  world.input.using_now = {MilliCpu{4000}, Bytes{16 * gib}};
  world.pass(1h);
  world.pass(30min);
  // 24 used in 1.5 h with 16 CU; 22.5 h of 1 CU are left, 1.5 CU-hours to spend.
  const Goal goal = world.goal();
  CHECK(goal.wish.cpu == MilliCpu{625});
  CHECK(last(goal).rule == "budget.limit");
}

TEST_CASE("budget: a new period begins anew, a new account with its share") {
  World world(Settings{{"cu-hours", "24"}, {"hold", "1h"}});
  CHECK(world.goal().wish == world.input.min);
  world.input.using_now = {MilliCpu{4000}, Bytes{16 * gib}};
  world.pass(24h - 1s);
  CHECK(last(world.goal()).rule == "budget.too-small");
  world.input.using_now = world.input.min;
  world.pass(1s);
  CHECK(world.goal().because[1].text == "0 of 24 CU-hours used, 24 h to go: at most 1 CU");
  world.input.vm = "late";
  world.pass(12h);
  CHECK(world.goal().because[1].text == "0 of 12 CU-hours used, 12 h to go: at most 1 CU");
}

TEST_CASE("budget: the same question twice costs nothing, a clock that goes back neither") {
  World world(Settings{{"cu-hours", "48"}});
  world.goal();
  world.pass(1h);
  const Goal first = world.goal();
  CHECK(world.goal().because == first.because);
  world.pass(-30min);
  CHECK(world.goal().because[1].text.starts_with("1 of 48"));
}

TEST_CASE("budget: nothing is taken from a VM that nobody knows about") {
  World world(Settings{{"cu-hours", "24"}});
  world.answer.complete = false;
  world.input.using_now = {MilliCpu{2000}, Bytes{8 * gib}};
  const Goal goal = world.goal();
  CHECK_FALSE(goal.complete);
  CHECK(goal.wish == world.input.using_now);
}

TEST_CASE("budget: errors") {
  World world(Settings{{"cu-hours", "24"}});
  world.input.compute_unit = {};
  CHECK(world.policy.decide(world.input).error().code == Code::invalid_argument);
  CHECK(read_options({}).error().message == "cu-hours: must be given, such as cu-hours=24 for one CU all day");
  CHECK(read_options({{"cu-hours", "0"}}).error().message == "cu-hours: \"0\" is not a number from 0.001 to 10000000");
  CHECK_THAT(read_options({{"cu-hour", "5"}}).error().message, Catch::Contains("did you mean cu-hours?"));
  CHECK_THAT(read_options({{"cu-hours", "5"}, {"period", "1m"}}).error().message, Catch::StartsWith("period: \"1m\""));
}

// Whatever the other policy wishes: asked at least every `hold` and followed, no period uses more than its budget.
TEST_CASE("law: a budget that holds the least size is never overrun") {
  REQUIRE(rc::check("used <= cu-hours", [] {
    const int cu_hours = *rc::gen::inRange(24, 200);
    const int hold = *rc::gen::inRange(60, 3600);
    World world(Settings{{"cu-hours", std::to_string(cu_hours)}, {"hold", std::to_string(hold)}});
    std::uint32_t state = *rc::gen::arbitrary<std::uint32_t>();
    double used = 0;
    Duration passed{};
    while (passed < 24h) {
      state = state * 1664525 + 1013904223;
      world.answer.wish = default_compute_unit * (1 + (state >> 8) % 20);
      world.input.using_now = world.goal().wish;
      const Duration step = std::min<Duration>(std::chrono::seconds(1 + (state >> 13) % static_cast<unsigned>(hold)),
                                               24h - passed);
      used += world.input.using_now.cpu.cpus() / 0.25 * seconds(step) / 3600;
      world.pass(step);
      passed += step;
    }
    RC_ASSERT(used <= cu_hours + 1e-6);
    RC_ASSERT(used >= std::min(24.0, double(cu_hours)) - 1e-6);
  }));
}
