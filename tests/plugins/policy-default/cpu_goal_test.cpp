#include "plugins/policy-default/cpu_goal.hpp"

#include "tests/plugins/policy-default/tables.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm::policy_default;

TEST_CASE("cpu_goal: upstream's vectors") {
  for (const Row& row : read_table("cpu_goal.txt")) {
    INFO(row.at("name"));
    const CpuTargets targets{1.0, 0.25, number(row, "stable"), number(row, "mixed")};
    const CpuGoal goal = cpu_goal(number(row, "load1"), number(row, "load5"), targets);
    CHECK(goal.units == Approx(number(row, "units")).margin(1e-6).epsilon(0));
  }
}

TEST_CASE("cpu_goal: the weight tells who decided") {
  const CpuTargets zones{1.0, 0.25, 0.5, 0.5};
  CHECK(cpu_goal(1.2, 1, zones).weight == 0);
  CHECK(cpu_goal(2.5, 1, zones).weight == 1);
  CHECK(cpu_goal(1.75, 1, zones).weight == Approx(0.5).epsilon(1e-4));
}
