#include "core/decide/scaling.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

Instant at(double s) { return Instant{from_seconds(s)}; }
Resources units(std::uint32_t n) { return Resources{MilliCpu{1000}, Bytes{gib}} * n; }

Scaling vm(Resources asked, Resources actual) {
  return Scaling({}, {units(1), units(8), Bytes{128 * mib}}, {asked, actual, {}}, at(0));
}

bool says(const Actions& actions, const std::string& rule) {
  for (const Because& b : actions.because)
    if (b.rule == rule) return true;
  return false;
}

}  // namespace

TEST_CASE("one CPU online is 250m when 250m were asked") {
  Scaling s = vm(default_compute_unit, {MilliCpu{1000}, Bytes{gib}});
  CHECK(s.held() == default_compute_unit);
}

TEST_CASE("what the VM still has is held, although less is asked") {
  Scaling s = vm(units(1), units(4));
  CHECK(s.held() == units(4));
  CHECK(s.next(at(0)).permit->wanted == units(4));
}

TEST_CASE("a size that was asked for is held until the VM is seen to follow the new one") {
  Scaling s = vm(units(4), units(2));
  s.asked_observed(units(1), {1, 0}, at(1));
  CHECK(s.held() == units(4));
  s.actual_observed(units(3), {0, 0}, false, at(2));
  CHECK(s.held() == units(4));
  s.actual_observed(units(3), {1, 0}, false, at(3));
  CHECK(s.held() == units(3));
}

TEST_CASE("a permit above what was asked is not taken") {
  Scaling s = vm(units(1), units(1));
  const auto ask = s.next(at(0)).permit.value();
  s.permit_asked(ask, at(0));
  s.permit_granted(ask.id, units(8), at(0.1));
  CHECK(s.permit() == units(1));
}

TEST_CASE("a permit below what the VM holds stops growth and shrinks nothing") {
  Scaling s = vm(units(3), units(3));
  s.guest_connected(at(0));
  s.goal_changed({units(4), true, 0, {}, {}}, at(0));
  const auto ask = s.next(at(0)).permit.value();
  s.permit_asked(ask, at(0));
  s.permit_granted(ask.id, units(2), at(0.1));
  const Actions next = s.next(at(0.2));
  CHECK_FALSE(next.resize);
  CHECK_FALSE(next.consent);
  CHECK(says(next, "permit.short"));
}

TEST_CASE("fields move independently: memory grows while CPUs shrink") {
  Scaling s = vm(units(4), units(4));
  s.guest_connected(at(0));
  s.goal_changed({{MilliCpu{1000}, Bytes{6 * gib}}, true, 0, {}, {}}, at(0));
  const Actions next = s.next(at(0));
  CHECK(next.permit->wanted == Resources{MilliCpu{4000}, Bytes{6 * gib}});
  CHECK(next.consent->to == Resources{MilliCpu{1000}, Bytes{4 * gib}});
}

TEST_CASE("the reasons of the policy and of every clamp are kept in order") {
  Scaling s = vm(units(1), units(1));
  Goal goal{units(20), true, 20, {{"cpu.load1", "load1 18"}}, {}};
  s.goal_changed(goal, at(0));
  const Actions next = s.next(at(0));
  REQUIRE(next.because.size() >= 2);
  CHECK(next.because[0].rule == "cpu.load1");
  CHECK(next.because[1].rule == "bounds");
  CHECK(next.wish == units(8));
}
