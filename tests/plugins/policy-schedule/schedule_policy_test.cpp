#include "plugins/policy-schedule/schedule_policy.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/stand_in_policy.hpp"

using namespace neonvm;
using namespace neonvm::policy_schedule;
using namespace std::chrono_literals;

namespace {

using Settings = std::map<std::string, std::string>;

// 2024-01-01 was a Monday.
constexpr std::int64_t monday = 1704067200;
constexpr std::int64_t hour = 3600, day = 24 * hour;

struct World {
  test::StandInAnswer answer{{MilliCpu{1000}, Bytes{2 * gib}}, true, {}};
  PolicyInput input;

  World() {
    input.using_now = {MilliCpu{1000}, Bytes{2 * gib}};
    input.min = {MilliCpu{250}, Bytes{gib}};
    input.max = {MilliCpu{8000}, Bytes{16 * gib}};
    input.compute_unit = default_compute_unit;
    input.wall_seconds = monday;
  }
  Goal at(std::int64_t wall, const Settings& settings) {
    input.wall_seconds = wall;
    const auto options = read_options(settings);
    REQUIRE(options);
    const auto goal = SchedulePolicy(*options, std::make_unique<test::StandInPolicy>(answer)).decide(input);
    REQUIRE(goal);
    return *goal;
  }
};

std::string refusal(const Settings& settings) {
  const auto options = read_options(settings);
  REQUIRE_FALSE(options);
  return options.error().message;
}

const Settings office{{"rule.office", "mon-fri 08:00-18:00 cpus=4.."}};

}  // namespace

TEST_CASE("schedule: a rule holds in its hours of its days") {
  World world;
  CHECK(world.at(monday + 8 * hour - 1, office).wish.cpu == MilliCpu{1000});
  const Goal goal = world.at(monday + 8 * hour, office);
  CHECK(goal.wish == Resources{MilliCpu{4000}, Bytes{2 * gib}});
  CHECK(goal.because.back() == Because{"schedule", "rule office holds: CPUs 4.."});
  CHECK(goal.because.front().rule == "stand-in");
  CHECK(world.at(monday + 18 * hour, office).wish.cpu == MilliCpu{1000});
  CHECK(world.at(monday + 4 * day + 12 * hour, office).wish.cpu == MilliCpu{4000});
  CHECK(world.at(monday + 5 * day + 12 * hour, office).wish.cpu == MilliCpu{1000});
}

TEST_CASE("schedule: it asks again when a rule begins or ends") {
  World world;
  CHECK(world.at(monday + 7 * hour, office).ask_again == 1h);
  CHECK(world.at(monday + 17 * hour, office).ask_again == 1h);
  CHECK(world.at(monday + 5 * day, office).ask_again == 24h);  // the other policy's, at the latest
}

TEST_CASE("schedule: lead begins early, a zone shifts") {
  World world;
  Settings early = office;
  early["lead"] = "10m";
  CHECK(world.at(monday + 8 * hour - 600, early).wish.cpu == MilliCpu{4000});
  CHECK(world.at(monday + 8 * hour - 601, early).wish.cpu == MilliCpu{1000});
  CHECK(world.at(monday + 18 * hour - 1, early).wish.cpu == MilliCpu{4000});
  Settings east = office;
  east["zone"] = "+02:00";
  CHECK(world.at(monday + 6 * hour, east).wish.cpu == MilliCpu{4000});
  CHECK(world.at(monday + 16 * hour, east).wish.cpu == MilliCpu{1000});
}

TEST_CASE("schedule: over midnight, and over the end of the week") {
  World world;
  const Settings night{{"rule.night", "sun 22:00-06:00 cpus=..0.5 memory=1Gi"}};
  CHECK(world.at(monday + 6 * day + 23 * hour, night).wish == Resources{MilliCpu{500}, Bytes{gib}});
  CHECK(world.at(monday + 5 * hour, night).wish == Resources{MilliCpu{500}, Bytes{gib}});
  CHECK(world.at(monday + 6 * hour, night).wish.cpu == MilliCpu{1000});
  CHECK(world.at(monday + day + 5 * hour, night).wish.cpu == MilliCpu{1000});
}

TEST_CASE("schedule: of two rules that contradict each other the promise wins") {
  World world;
  const Settings both{{"rule.cheap", "00:00-24:00 cpus=..0.5"}, {"rule.fast", "00:00-24:00 cpus=2.."}};
  CHECK(world.at(monday, both).wish.cpu == MilliCpu{2000});
}

TEST_CASE("schedule: bounds hold, and are told") {
  World world;
  const Settings large{{"rule.large", "00:00-24:00 cpus=100"}};
  const Goal goal = world.at(monday, large);
  CHECK(goal.wish.cpu == MilliCpu{8000});
  CHECK(goal.because.back().rule == "schedule.bounds");
}

TEST_CASE("schedule: without a clock or without figures nothing shrinks") {
  World world;
  const Settings small{{"rule.small", "00:00-24:00 cpus=0.25"}};
  CHECK(world.at(monday, small).wish.cpu == MilliCpu{250});
  world.answer.wish = {MilliCpu{250}, Bytes{gib}};
  const Goal blind = world.at(0, small);
  CHECK_FALSE(blind.complete);
  CHECK(blind.wish == world.input.using_now);
  CHECK(blind.because.back().rule == "schedule.no-clock");
}

TEST_CASE("schedule: an error of the other policy is its error") {
  World world;
  world.answer.error = "no";
  const auto options = read_options(office);
  CHECK(SchedulePolicy(*options, std::make_unique<test::StandInPolicy>(world.answer)).decide(world.input).error().message ==
        "no");
}

TEST_CASE("schedule: options") {
  CHECK_THAT(refusal({}), Catch::StartsWith("rule.NAME: give at least one"));
  CHECK(refusal({{"rule.a", "mon-fri 8-18 cpus=4"}}) ==
        "rule.a: \"8-18\" is none of DAYS (mon-fri, sat+sun, daily), HH:MM-HH:MM, cpus=RANGE, memory=RANGE; "
        "rule.NAME: give at least one, such as \"rule.office=mon-fri 08:00-18:00 cpus=4..\"");
  CHECK_THAT(refusal({{"rule.a", "08:00-25:00 cpus=4"}}), Catch::Contains("is not HH:MM-HH:MM"));
  CHECK_THAT(refusal({{"rule.a", "08:00-18:00"}}), Catch::Contains("names no size"));
  CHECK_THAT(refusal({{"rule.a", "mon cpus=4"}}), Catch::Contains("names no time"));
  CHECK_THAT(refusal({{"rule.a", "08:00-18:00 cpus=4..2"}}), Catch::Contains("cpus: \"4..2\" ends below its beginning"));
  CHECK_THAT(refusal({{"rule.a", "08:00-18:00 memory=.."}}), Catch::Contains("memory: \"..\" is no range"));
  Settings zoned = office;
  zoned["zone"] = "CET";
  CHECK_THAT(refusal(zoned), Catch::StartsWith("zone: \"CET\" is not UTC or an offset"));
  const auto more = read_options({{"rule.a", "sat+sun 00:00-24:00 cpus=..1"}, {"of", "default"}, {"of.x", "1"}});
  REQUIRE(more);
  CHECK(more->rules[0].span.days == 0x60);
  CHECK(more->of_settings == Settings{{"x", "1"}});
}

TEST_CASE("calendar: odd moments") {
  CHECK(second_of_week(0, 0) == 3 * day);
  CHECK(second_of_week(-1, 0) == 3 * day - 1);
  CHECK(second_of_week(monday, -60) == 7 * day - hour);
  const Span always{0x7f, 0, day_minutes};
  CHECK(always.holds(0));
  CHECK(always.until_change(12345) == 7 * day);
  CHECK(parse_days("fri-mon") == std::uint8_t{0x71});
  CHECK_FALSE(parse_days("funday"));
  CHECK_FALSE(parse_offset("+15:00"));
}
