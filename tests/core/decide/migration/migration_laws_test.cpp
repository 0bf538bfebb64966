// The laws of decide/lifecycle and decide/migration, under histories that rapidcheck makes up and shrinks.
#include <rapidcheck.h>

#include "tests/core/decide/migration/vm_world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using neonvm::tests::VmWorld;
using Deed = VmWorld::Deed;

namespace {

struct Happening {
  Deed deed;
  std::uint8_t which;
};

std::ostream& operator<<(std::ostream& out, const Happening& h) {
  return out << int(h.deed) << "/" << int(h.which);
}

// Everyday deeds are many, faults are few: else hardly any history gets as far as a copy.
rc::Gen<Happening> happening(bool with_stops) {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0, 1000), rc::gen::inRange(0, 256)), [with_stops](std::pair<int, int> pick) {
    const auto which = static_cast<std::uint8_t>(pick.second);
    const int n = pick.first;
    if (n < 260) return Happening{Deed::controller_acts, which};
    if (n < 420) return Happening{Deed::reports_come, which};
    if (n < 520) return Happening{Deed::objects_come, which};
    if (n < 700) return Happening{Deed::runner_works, which};
    if (n < 760) return Happening{Deed::copy_ends_well, which};
    if (n < 800) return Happening{Deed::migrate, which};
    if (n < 840) return Happening{Deed::stops_done, which};
    const Deed faults[] = {Deed::controller_dies, Deed::copy_fails, Deed::runner_dies, Deed::qemu_dies,
                           Deed::order_late, Deed::order_lost, Deed::answer_lost, Deed::late_orders_done,
                           Deed::write_conflicts, Deed::cancel, Deed::time_passes, Deed::link_breaks,
                           Deed::guest_powers_off, Deed::stop_vm, Deed::start_vm};
    const std::size_t kinds = with_stops ? std::size(faults) : std::size(faults) - 3;
    return Happening{faults[static_cast<std::size_t>(n) % kinds], which};
  });
}

void boot(VmWorld& world) {
  if (!world.settle() || !world.runs()) RC_FAIL("the VM did not even boot\n" + world.describe());
  world.history().clear();
}

void run(VmWorld& world, const std::vector<Happening>& history) {
  for (const Happening& h : history) {
    world.happen(h.deed, h.which);
    if (!world.violation().empty()) RC_FAIL(world.describe());
  }
}

}  // namespace

TEST_CASE("whatever happens, a VM runs at most once, is never thrown away, and everything comes to rest") {
  neonvm::tests::sequences(5000, 400);
  const bool held = rc::check("laws of lifecycle and migration", [] {
    VmWorld world;
    boot(world);
    const auto history = *rc::gen::container<std::vector<Happening>>(happening(true));
    run(world, history);
    world.happen(Deed::start_vm, 0);
    if (!world.settle()) RC_FAIL("it never came to rest\n" + world.describe());
    if (!world.violation().empty()) RC_FAIL(world.describe());
    if (!world.runs()) RC_FAIL("the VM does not run in the end\n" + world.describe());
    if (world.has_migration()) RC_ASSERT(decide::is_over(world.migration().phase));
  });
  CHECK(held);
}

TEST_CASE("a VM whose QEMUs live never boots again") {
  const bool held = rc::check("nothing but a QEMU's death costs the VM", [] {
    VmWorld world;
    boot(world);
    auto history = *rc::gen::container<std::vector<Happening>>(happening(false));
    std::erase_if(history, [](const Happening& h) { return h.deed == Deed::qemu_dies; });
    run(world, history);
    if (!world.settle() || !world.runs()) RC_FAIL(world.describe());
    if (world.boots() != 1) RC_FAIL("the VM was booted again\n" + world.describe());
  });
  CHECK(held);
}
