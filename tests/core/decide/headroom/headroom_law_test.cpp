#include <rapidcheck.h>

#include <stdexcept>

#include "tests/core/decide/headroom/headroom_world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using neonvm::tests::HeadroomWorld;

TEST_CASE("with leases out, nothing is promised twice whatever crashes, is lost, doubled or late") {
  neonvm::tests::sequences(20000);
  const bool held = rc::check("laws of decide/headroom and decide/ledger together", [] {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const auto choices = *rc::gen::scale(3.0, rc::gen::container<std::vector<std::uint32_t>>(
                                                  rc::gen::inRange<std::uint32_t>(0, 1u << 24)));
    HeadroomWorld world(seed);
    try {
      for (const std::uint32_t choice : choices) world.step(choice);
      world.settle();
    } catch (const std::logic_error& broken) {
      RC_FAIL(broken.what());
    }
  });
  REQUIRE(held);
}
