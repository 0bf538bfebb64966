#include "core/decide/migration.hpp"

#include "tests/core/decide/migration/vm_world.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using neonvm::tests::VmWorld;
using Deed = VmWorld::Deed;

TEST_CASE("a migration goes its way and the source is gone afterwards") {
  VmWorld world;
  REQUIRE(world.settle());
  REQUIRE(world.runs());
  const std::string before = world.status().runner;
  world.happen(Deed::migrate, 0);
  REQUIRE(world.settle());
  INFO(world.describe());
  CHECK(world.violation().empty());
  CHECK(world.migration().phase == MigrationPhase::succeeded);
  CHECK(world.runs());
  CHECK(world.status().runner != before);
  CHECK(world.boots() == 1);
}
