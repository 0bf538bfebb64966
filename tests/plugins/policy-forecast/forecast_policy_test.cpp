#include "plugins/policy-forecast/forecast_policy.hpp"

#include <cmath>

#include "tests/support/catch.hpp"
#include "tests/support/stand_in_policy.hpp"

using namespace neonvm;
using namespace neonvm::policy_forecast;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t monday = 1704067200;
constexpr std::int64_t hour = 3600, day = 24 * hour;

// A VM whose other policy wishes one CPU and 1 GiB for ever.
struct World {
  test::StandInAnswer answer{{MilliCpu{1000}, Bytes{gib}}, true, {}};
  ForecastPolicy policy;
  PolicyInput input;
  GuestSample sample;
  Goal goal;
  std::int64_t wall = monday;

  explicit World(ForecastOptions options = {})
      : policy(options, std::make_unique<test::StandInPolicy>(answer)) {
    input.vm = "vm";
    input.using_now = {MilliCpu{1000}, Bytes{gib}};
    input.min = {MilliCpu{250}, Bytes{256 * mib}};
    input.max = {MilliCpu{8000}, Bytes{16 * gib}};
    sample.memory_total = Bytes{16 * gib};
    sample.online_cpus = 8;
    sample.cpu.some = 0;
  }
  void ask() {
    input.wall_seconds = wall;
    input.now = Instant(std::chrono::seconds(wall - monday + day));
    sample.at = input.now;
    input.samples = std::span(&sample, 1);
    REQUIRE(policy.decide_into(input, goal));
  }
  // Lives until `until` with a sample a minute; `load` gives CPUs and GiB for a second.
  template <typename Load>
  void live(std::int64_t until, Load load) {
    for (; wall < until; wall += 60) {
      const double busy = load(wall - monday);
      sample.cpu_used = busy;
      sample.memory_available = sample.memory_total - Bytes{static_cast<std::uint64_t>(busy * gib)};
      ask();
    }
  }
};

// Six CPUs and 6 GiB from nine to twelve, half of one otherwise.
double office(std::int64_t second) { return second % day >= 9 * hour && second % day < 12 * hour ? 6 : 0.5; }

bool has(const Goal& goal, const std::string& rule) {
  for (const Because& because : goal.because) {
    if (because.rule == rule) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("forecast: a daily peak is met before it comes") {
  World world;
  world.live(monday + 8 * hour + 55 * 60, office);
  CHECK(world.goal.wish == world.answer.wish);
  CHECK(has(world.goal, "forecast.learning"));
  world.live(monday + 3 * day + 8 * hour + 44 * 60, office);
  CHECK(world.goal.wish == world.answer.wish);
  world.live(monday + 3 * day + 8 * hour + 52 * 60, office);
  // Six with air for a load that only the clock tells.
  CHECK(world.goal.wish.cpu >= MilliCpu{7000});
  CHECK(world.goal.wish.memory >= Bytes{8 * gib});
  CHECK(has(world.goal, "forecast.cpu"));
  // And gone after it.
  world.live(monday + 3 * day + 12 * hour + 20 * 60, office);
  CHECK(world.goal.wish == world.answer.wish);
}

TEST_CASE("forecast: growth from day to day is carried on") {
  World world;
  const auto growing = [](std::int64_t second) { return office(second) == 6 ? 1 + 0.3 * double(second / day) : 0.5; };
  world.live(monday + 10 * day + 10 * hour, growing);
  const double usual = 1 + 0.3 * 10;
  CHECK(world.goal.wish.cpu.cpus() > usual);
}

TEST_CASE("forecast: no forecast is made where none was right") {
  World world;
  std::uint32_t state = 1;
  const auto random = [&](std::int64_t) {
    state = state * 1664525 + 1013904223;
    return (state >> 16) % 100 == 0 ? 7.0 : 0.05;
  };
  world.live(monday + 6 * day, random);
  CHECK(has(world.goal, "forecast.distrust"));
  CHECK(world.goal.wish == world.answer.wish);
}

TEST_CASE("forecast: weekly seasons tell Saturday from Friday") {
  ForecastOptions options;
  options.weekly = true;
  World world(options);
  const auto workdays = [](std::int64_t second) { return second / day % 7 < 5 ? office(second) : 0.5; };
  world.live(monday + 25 * day + 8 * hour + 55 * 60, workdays);  // a Friday
  CHECK(world.goal.wish.cpu >= MilliCpu{7000});
  world.live(monday + 26 * day + 8 * hour + 55 * 60, workdays);
  CHECK(world.goal.wish == world.answer.wish);
}

TEST_CASE("forecast: bounds, missing clocks and the other policy's errors") {
  World world;
  world.input.max = {MilliCpu{2000}, Bytes{2 * gib}};
  world.live(monday + 3 * day + 8 * hour + 55 * 60, office);
  CHECK(world.goal.wish == world.input.max);
  CHECK(has(world.goal, "forecast.bounds"));
  world.wall = 0;
  world.input.wall_seconds = 0;
  REQUIRE(world.policy.decide_into(world.input, world.goal));
  CHECK(world.goal.wish == world.answer.wish);
  CHECK(has(world.goal, "forecast.no-clock"));
  world.answer.error = "no";
  CHECK(world.policy.decide(world.input).error().message == "no");
}

TEST_CASE("forecast: the same question twice teaches nothing") {
  World once, twice;
  once.live(monday + 3 * day + 9 * hour, office);
  twice.live(monday + 3 * day + 9 * hour, [&](std::int64_t second) {
    if (second > 0) REQUIRE(twice.policy.decide_into(twice.input, twice.goal));
    return office(second);
  });
  CHECK(once.goal.wish == twice.goal.wish);
  CHECK(once.goal.because == twice.goal.because);
}

TEST_CASE("forecast: options") {
  CHECK(read_options({{"season", "week"}, {"of.calm", "30"}})->of_settings.size() == 1);
  CHECK_THAT(read_options({{"slot", "7m"}}).error().message, Catch::StartsWith("slot: \"7m\" does not part an hour"));
  CHECK_THAT(read_options({{"season", "month"}}).error().message, Catch::Contains("one of day, week"));
  CHECK_THAT(read_options({{"led", "5m"}}).error().message, Catch::Contains("did you mean lead?"));
}
