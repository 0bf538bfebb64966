#include "plugins/policy-default/memory_goal.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_default;

TEST_CASE("memory_goal: usage") {
  CHECK(usage_units(Bytes{3 * gib}, 0.75, Bytes{gib}) == 4.0);
  CHECK(usage_units(Bytes{0}, 0.75, Bytes{gib}) == 0);
  // Rounded to whole bytes before it is divided by the unit, as upstream.
  CHECK(usage_units(Bytes{1}, 0.75, Bytes{1}) == 1.0);
}

TEST_CASE("memory_goal: only the cache that there is counts") {
  const Bytes used{900 * mib};
  const double wanted = 200000.0 * 8192;
  CHECK(total_units(used, Bytes{2 * gib}, wanted, 0.9, Bytes{gib}) == Approx(2.672).margin(1e-3));
  CHECK(total_units(used, Bytes{500 * mib}, wanted, 0.9, Bytes{gib}) == Approx(1.519).margin(1e-3));
  CHECK(total_units(used, Bytes{0}, wanted, 0.9, Bytes{gib}) == Approx(900.0 / 0.9 / 1024));
}
