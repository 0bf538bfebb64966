#include "plugins/policy-default/working_set.hpp"

#include <limits>

#include "tests/plugins/policy-default/tables.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm::policy_default;

TEST_CASE("working_set: estimate, upstream's vectors") {
  for (const Row& row : read_table("estimate.txt")) {
    INFO(row.at("name"));
    const auto offset = static_cast<std::size_t>(number(row, "offset"));
    const auto window = static_cast<std::size_t>(number(row, "window"));
    CHECK(estimate(series(row, "series"), offset, window, number(row, "factor")) == Approx(number(row, "result")));
  }
}

TEST_CASE("working_set: project, upstream's vectors") {
  for (const Row& row : read_table("project.txt")) {
    CHECK(project(series(row, "series"), number(row, "horizon")) == Approx(number(row, "result")));
  }
}

TEST_CASE("working_set: both steps") {
  for (const Row& row : read_table("working_set.txt")) {
    INFO(row.at("name"));
    const WindowSettings settings{static_cast<std::int64_t>(number(row, "window")),
                                  static_cast<std::int64_t>(number(row, "minwait")), row.at("largest") == "yes"};
    const std::vector<double> pages = series(row, "series");
    const auto set = working_set(pages, settings);
    REQUIRE(set.has_value() == (row.at("estimate") != "-"));
    if (!set) continue;
    CHECK(set->estimate == number(row, "estimate"));
    CHECK(set->next == number(row, "next"));
  }
}

TEST_CASE("working_set: huge settings mean too few windows, not an overflow") {
  const std::vector<double> pages(60, 1.0);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK_FALSE(working_set(pages, {most, most, false}));
  CHECK_FALSE(working_set(pages, {2, most, true}));
}
