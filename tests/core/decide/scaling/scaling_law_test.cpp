#include <rapidcheck.h>

#include <stdexcept>

#include "tests/core/decide/scaling/scaling_world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using neonvm::tests::ScalingWorld;

TEST_CASE("scaling keeps its laws whatever is lost, doubled or late") {
  neonvm::tests::sequences(20000);
  const bool held = rc::check("laws of decide/scaling", [] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const auto choices = *rc::gen::scale(3.0, rc::gen::container<std::vector<std::uint32_t>>(
                                                  rc::gen::inRange<std::uint32_t>(0, 1u << 20)));
    ScalingWorld world(seed);
    try {
      for (const std::uint32_t choice : choices) world.step(choice);
      world.settle();
    } catch (const std::logic_error& broken) {
      RC_FAIL(broken.what());
    }
  });
  REQUIRE(held);
}
