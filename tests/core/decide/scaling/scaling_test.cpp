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

TEST_CASE("a VM that is seen to follow before its wish is has not the former size any more") {
  Scaling s = vm(units(4), units(4));
  s.actual_observed(units(1), {1, 0}, true, at(1));
  CHECK(s.held() == units(4));
  s.asked_observed(units(1), {1, 0}, at(2));
  CHECK(s.held() == units(1));
  // Somebody who writes another size without a number of its own tells nothing of what the VM follows.
  s.asked_observed(units(3), {1, 0}, at(3));
  s.asked_observed(units(2), {1, 0}, at(4));
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

TEST_CASE("what of a permit is not used lapses when it is not restated; what is used stays") {
  Scaling s = vm(units(1), units(1));
  s.goal_changed({units(4), true, 0, {}, {}}, at(0));
  const auto ask = s.next(at(0)).permit.value();
  s.permit_asked(ask, at(0));
  s.permit_granted(ask.id, units(4), at(1));
  CHECK(s.allowed(at(17)) == units(4));
  CHECK(s.next(at(17)).resize->to == units(4));
  CHECK(s.allowed(at(18)) == units(1));
  CHECK_FALSE(s.next(at(18)).resize);
  CHECK(says(s.next(at(18)), "permit.lapsed"));
  const auto resize = s.next(at(17)).resize.value();
  s.resize_started(resize, at(17));
  // A write that is under way is claimed from a scheduler that lost its books.
  CHECK(s.next(at(19)).permit->last_permit == units(4));
  s.resize_written(resize.id, at(19));
  CHECK(s.allowed(at(20)) == units(4));
}

TEST_CASE("headroom is taken where the permit falls short, and lapses with its lease") {
  Scaling s = vm(units(2), units(2));
  s.goal_changed({units(4), true, 0, {}, {}}, at(0));
  const auto ask = s.next(at(0)).permit.value();
  CHECK(s.next(at(0)).headroom == units(4));
  s.permit_asked(ask, at(0));
  CHECK(s.next(at(0.1)).headroom == units(4));
  s.headroom_taken(units(3), at(10), at(0.1));
  CHECK(s.next(at(0.2)).resize->to == units(3));
  CHECK(s.next(at(0.2)).headroom == units(4));
  CHECK_FALSE(s.next(at(10)).resize);
  // While less is being asked for, nothing is taken.
  s.permit_granted(ask.id, units(4), at(0.3));
  CHECK_FALSE(s.next(at(0.4)).headroom);
  s.goal_changed({units(2), true, 0, {}, {}}, at(0.5));
  const auto less = s.next(at(0.5)).permit.value();
  CHECK(less.wanted == units(2));
  s.permit_asked(less, at(0.5));
  s.goal_changed({units(4), true, 0, {}, {}}, at(0.6));
  CHECK_FALSE(s.next(at(0.6)).headroom);
}

TEST_CASE("input that cannot be true is put right and counted") {
  Scaling s = vm(units(2), units(2));
  s.goal_changed({units(2), true, 0, {}, {}}, at(5));
  s.goal_changed({units(3), true, 0, {}, {}}, at(1));
  CHECK(s.corrections().clock == 1);
  CHECK(s.next(at(0)).wish == units(3));
  s.asked_observed(units(2), {4, 0}, at(6));
  s.asked_observed(units(1), {3, 0}, at(6));
  s.actual_observed(units(1), {-7, 0}, true, at(6));
  CHECK(s.corrections().revision == 2);
  CHECK(s.asked() == units(2));
  s.bounds_changed({units(4), units(2), Bytes{0}}, at(6));
  CHECK(s.bounds().min == units(4));
  CHECK(s.bounds().max == units(4));
  CHECK(s.next(at(6)).wish == units(4));
  const Resources most{MilliCpu{~0u}, Bytes{~std::uint64_t{0}}};
  s.bounds_changed({{}, most, Bytes{~std::uint64_t{0}}}, at(6));
  s.goal_changed({most, true, 0, {}, {}}, at(6));
  s.actual_observed(most, {9, 0}, false, at(6));
  CHECK(s.next(at(7)).permit->wanted == most);
  const auto ask = s.next(at(7)).permit.value();
  s.permit_asked(ask, at(7));
  s.memory_wanted({Bytes{}}, at(7));
  CHECK(s.corrections().size == 1);
}
