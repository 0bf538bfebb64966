#include "core/model/memory_zones.hpp"

#include <rapidcheck.h>

#include <cmath>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;

namespace {

double ratio(const char* cmdline, Onlining usual = our_onlining) { return Onlining::of_cmdline(cmdline, usual).movable_ratio; }

}  // namespace

TEST_CASE("what is plugged is described by one 64th and mapped by one 512th of it") {
  CHECK(upkeep_of(Bytes{512 * mib}) == Bytes{9 * mib});
  CHECK(kept_by(Bytes{9 * mib}) == Bytes{512 * mib});
  CHECK(upkeep_of(Bytes{63 * gib}) == Bytes{1134 * mib});
}

TEST_CASE("the kernel's command line says what becomes movable") {
  CHECK(ratio("") == 4.01);
  CHECK(ratio("quiet memory_hotplug.auto_movable_ratio=801") == 8.01);
  CHECK(ratio("memory-hotplug.auto-movable-ratio=101 memory_hotplug.auto_movable_ratio=201") == 2.01);
  CHECK(ratio("memory_hotplug.auto_movable_ratio=x") == 4.01);
  CHECK(std::isinf(ratio("memhp_default_state=online_movable")));
  CHECK(std::isinf(ratio("memhp_default_state=offline")));
  CHECK(ratio("memhp_default_state=online_kernel") == 0);
  CHECK(ratio("memhp_default_state=online_movable memhp_default_state=online") == 4.01);
  CHECK(std::isinf(ratio("", Onlining::all_movable())));
  CHECK(ratio("memhp_default_state=online", Onlining::all_movable()) == 3.01);  // the kernel's own default
}

TEST_CASE("with a block for the kernel now and then a base holds up anything") {
  CHECK(most_on_base(Bytes{128 * mib}, our_onlining) > Bytes{1024 * gib});
  CHECK(movable_part(Bytes{2 * gib}, Bytes{512 * mib}, our_onlining) == Bytes{2 * gib});
  CHECK(movable_part(Bytes{7 * gib}, Bytes{512 * mib}, our_onlining) < Bytes{6200 * mib});
}

TEST_CASE("with nothing for the kernel there is an end") {
  const Bytes most = most_on_base(Bytes{512 * mib}, Onlining::all_movable());
  CHECK(most > Bytes{25 * gib});
  CHECK(most < Bytes{27 * gib});
  CHECK(most_on_base(Bytes{32 * mib}, Onlining::all_movable()) == Bytes{32 * mib});
}

TEST_CASE("the laws of what a base holds up") {
  tests::sequences(1000);
  CHECK(rc::check([] {
    const Onlining onlining{*rc::gen::element(0.0, 4.01, 60.0, 1000.0, Onlining::all_movable().movable_ratio)};
    const Bytes most{*rc::gen::inRange<std::uint64_t>(1, 4096) * 16 * mib};
    const Bytes base = least_base(most, onlining);
    RC_ASSERT(most_on_base(base, onlining) >= most);
    if (base.value > 0) RC_ASSERT(most_on_base(base - Bytes{1}, onlining) < most);
    const Bytes kernel{*rc::gen::inRange<std::uint64_t>(0, 4096) * mib};
    RC_ASSERT(movable_part(most, kernel, onlining) <= most);
    RC_ASSERT(upkeep_of(kept_by(kernel)) <= kernel);
  }));
}
