#include <catch2/catch.hpp>

#include "core/simulate/faults.hpp"
#include "core/simulate/laws.hpp"
#include "tests/core/simulate/small_world.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

FaultsRun run(std::uint64_t seed, double hours, const std::vector<Fault>* given = nullptr) {
  const auto plan = small_cluster(3, 18, {MilliCpu{9'000}, Bytes{36 * gib}});
  const double end = hours * 3600;
  const auto faults = given != nullptr ? *given : draw_faults(seed, plan.vms.size(), plan.nodes.size(), end, 300);
  const auto result = run_with_faults(plan, {}, every_generator(seed), default_policies(), faults, seed, end);
  REQUIRE(result.ok());
  return *result;
}

decide::Scaling scaling_with_permit(Resources permit) {
  decide::Scaling s({}, {{MilliCpu{250}, Bytes{gib}}, {MilliCpu{4000}, Bytes{16 * gib}}, Bytes{128 * mib}},
                    {{MilliCpu{1000}, Bytes{4 * gib}}, {MilliCpu{1000}, Bytes{4 * gib}}, {}}, beginning);
  s.guest_connected(beginning);
  const auto actions = s.next(beginning);
  REQUIRE(actions.permit);
  decide::AskPermit ask = *actions.permit;
  ask.wanted = permit;
  s.permit_asked(ask, beginning);
  s.permit_granted(ask.id, permit, beginning);
  return s;
}

}  // namespace

TEST_CASE("whatever goes wrong, every law holds at every event") {
  std::uint64_t events = 0;
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
    const FaultsRun r = run(seed, 3);
    if (r.broken) FAIL("seed " << seed << ": " << r.broken->law << " of " << r.broken->vm << " at " << r.broken->at << ": " << r.broken->what);
    events += r.events;
  }
  CHECK(events > 50'000);
}

TEST_CASE("the same seed is the same run") {
  CHECK(run(5, 1).events == run(5, 1).events);
  CHECK(draw_faults(5, 10, 2, 3600) == draw_faults(5, 10, 2, 3600));
  CHECK(draw_faults(5, 10, 2, 3600) != draw_faults(6, 10, 2, 3600));
}

TEST_CASE("faults are noticed: with them a run differs from one without") {
  const std::vector<Fault> none;
  CHECK(run(7, 1).events != run(7, 1, &none).events);
}

TEST_CASE("a broken law is seen") {
  const auto s = scaling_with_permit({MilliCpu{2000}, Bytes{4 * gib}});
  decide::Actions actions;
  actions.wish = {MilliCpu{2000}, Bytes{4 * gib}};
  actions.wake_at = beginning;
  CHECK(!broken_by(s, actions));
  actions.resize = decide::SizeDeed{9, s.asked(), {MilliCpu{3000}, Bytes{4 * gib}}, {}};
  CHECK(broken_by(s, actions)->law == "permit");
  actions.resize->to = {MilliCpu{1000}, Bytes{2 * gib}};
  CHECK(broken_by(s, actions)->law == "consent");
  actions.resize.reset();
  actions.wake_at.reset();
  CHECK(broken_by(s, actions)->law == "progress");
  actions.wish = {MilliCpu{5000}, Bytes{4 * gib}};
  CHECK(broken_by(s, actions)->law == "wish");
  decide::NodeTotals books;
  books.capacity = {MilliCpu{4000}, Bytes{8 * gib}};
  CHECK(!broken_on(books, {MilliCpu{4000}, Bytes{8 * gib}}));
  CHECK(broken_on(books, {MilliCpu{4001}, Bytes{8 * gib}})->law == "node");
  books.reserved = {MilliCpu{4000}, Bytes{9 * gib}};
  CHECK(broken_on(books, {})->law == "books");
  CHECK(broken_bounds({MilliCpu{2}, Bytes{1}}, {MilliCpu{1}, Bytes{1}})->law == "bounds");
}
