#include "plugins/policy-default/memory_goal.hpp"

#include <random>

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

TEST_CASE("rounded: as std::round") {
  for (const double x : {0.0, 0.49999999999999994, 0.5, 1.5, 2.5, 0x1p51 + 0.5, 0x1p52 - 0.5, 0x1p52 - 1, 0x1p52, 0x1p60, 1e300,
                         std::numeric_limits<double>::infinity()})
    CHECK(rounded(x) == std::round(x));
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const double x = std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 80));
    if (rounded(x) != std::round(x)) FAIL("rounded(" << x << ") is " << rounded(x));
  }
}
