#include <catch2/catch.hpp>

#include "core/simulate/migration_model.hpp"

using namespace neonvm::simulate;

TEST_CASE("an idle guest is copied once") {
  const Copy copy = copy_of(2e9, 0, 1e9, {});
  CHECK(copy.bytes == Approx(2e9));
  CHECK(copy.seconds == Approx(2));
  CHECK(!copy.fails);
}

TEST_CASE("a busy guest is copied again and again until the rest fits into the downtime limit") {
  const Network network;
  const Copy copy = copy_of(8e9, 4, 1e9, network);
  CHECK(copy.bytes > 8e9);
  CHECK(copy.downtime <= network.downtime_limit);
  CHECK(copy.downtime > 0);
  CHECK(!copy.fails);
}

TEST_CASE("a guest that dirties faster than the network carries is throttled, and takes longer") {
  const Copy busy = copy_of(8e9, 64, 1e9, {});
  CHECK(busy.seconds > copy_of(8e9, 4, 1e9, {}).seconds * 2);
  Network hasty;
  hasty.give_up = 10;
  CHECK(copy_of(8e9, 64, 1e9, hasty).fails);
}
