#include <catch2/catch.hpp>

#include <numeric>
#include <set>

#include "core/simulate/shortening.hpp"
#include "tests/core/simulate/small_world.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

Trial whole(std::uint64_t seed, std::size_t vms, std::size_t nodes, double end, double every = 600) {
  Trial trial{draw_faults(seed, vms, nodes, end, every), std::vector<std::size_t>(vms), end};
  std::iota(trial.vms.begin(), trial.vms.end(), std::size_t{0});
  return trial;
}

bool holds_fault(const Trial& trial, const Fault& fault) { return std::count(trial.faults.begin(), trial.faults.end(), fault) > 0; }

// A cluster without room to spare, whose schedulers forget at once what they had permitted.
std::optional<Broken> run_forgetful(const Trial& trial, std::uint64_t seed) {
  Settings settings;
  settings.restating = Duration{0};
  const auto plan = small_cluster(3, 18, {MilliCpu{9'000}, Bytes{36 * gib}});
  const auto result = run_with_faults(only(plan, trial.vms), settings, every_generator(seed), default_policies(), trial.faults, seed, trial.until);
  REQUIRE(result.ok());
  return result->broken;
}

}  // namespace

TEST_CASE("of many faults those are left that matter together") {
  const Trial all = whole(1, 20, 3, 7200);
  REQUIRE(all.faults.size() > 100);
  const Fault first = all.faults[17], second = all.faults[61], third = all.faults[80];
  const Shortened s = shortened(all, third.at, third.target, [&](const Trial& t) -> std::optional<double> {
    if (!holds_fault(t, first) || !holds_fault(t, second) || !holds_fault(t, third)) return std::nullopt;
    return third.at;
  });
  CHECK(s.trial.faults == std::vector<Fault>{first, second, third});
  CHECK(s.minimal);
  CHECK(s.runs <= 200);
}

TEST_CASE("what breaks without a fault and with one VM is so shortened") {
  const Shortened s = shortened(whole(1, 20, 3, 7200), 7000, 5, [&](const Trial& t) -> std::optional<double> {
    if (std::find(t.vms.begin(), t.vms.end(), 5u) == t.vms.end()) return std::nullopt;
    return 7000;
  });
  CHECK(s.trial.faults.empty());
  CHECK(s.trial.vms == std::vector<std::size_t>{5});
  CHECK(s.runs <= 10);
}

TEST_CASE("what came after a break goes without a run, also when fewer faults break earlier") {
  const Trial all = whole(1, 20, 3, 7200);
  const double end = all.faults[60].at;
  const Shortened none = shortened(all, end, 0, [](const auto&) { return std::optional<double>(); }, {}, 0);
  CHECK(none.trial.faults.back().at <= end + 10);
  CHECK(none.trial.faults.size() >= 61);
  CHECK(none.trial.faults.size() < all.faults.size());
  CHECK(!none.minimal);
  CHECK(none.trial.until < 7200);
  // Whatever is left out, one fault must be there, and it breaks at once.
  const Shortened one = shortened(all, end, 0, [&](const Trial& t) { return t.faults.empty() ? std::optional<double>() : all.faults[3].at; });
  CHECK(one.trial.faults.size() == 1);
}

TEST_CASE("who is told to stop has the best so far, and no world is run twice") {
  const Trial all = whole(5, 11, 3, 86400);
  REQUIRE(all.faults.size() > 1000);
  const auto matters = [](const Fault& f) { return f.target == 4 && (f.kind == FaultKind::loss || f.kind == FaultKind::agent_crash); };
  const auto needed = std::count_if(all.faults.begin(), all.faults.end(), matters);
  std::set<std::string> seen;
  const BreakingCall breaks = [&](const Trial& t) -> std::optional<double> {
    std::string name;
    for (const Fault& f : t.faults) name += to_string(f) + "\n";
    for (const std::size_t vm : t.vms) name += std::to_string(vm) + " ";
    CHECK(seen.insert(name).second);
    if (std::count_if(t.faults.begin(), t.faults.end(), matters) < needed) return std::nullopt;
    return 86400;
  };
  const Shortened stopped = shortened(all, 86400, 4, breaks, [](const Trial&, std::size_t runs) { return runs < 12; });
  CHECK(!stopped.minimal);
  CHECK(stopped.runs == 12);
  CHECK(stopped.trial.faults.size() < 300);
  seen.clear();
  const Shortened all_of_it = shortened(all, 86400, 4, breaks);
  CHECK(all_of_it.minimal);
  CHECK(static_cast<std::ptrdiff_t>(all_of_it.trial.faults.size()) == needed);
}

TEST_CASE("a law that is really broken comes down to a few faults, none of which can be left out") {
  std::uint64_t seed = 10;
  Trial all;
  std::optional<Broken> first;
  for (; !first && seed < 60; ++seed) all = whole(seed, 18, 3, 3 * 3600, 30), first = run_forgetful(all, seed);
  REQUIRE(first);
  --seed;
  const BreakingCall breaks = [&](const Trial& t) -> std::optional<double> {
    const auto again = run_forgetful(t, seed);
    if (!again || again->law != first->law) return std::nullopt;
    return again->at;
  };
  const Shortened s = shortened(all, first->at, std::stoul(first->vm.substr(2)), breaks);
  INFO("seed " << seed << ": " << all.faults.size() << " faults, " << s.trial.faults.size() << " left, " << s.trial.vms.size()
               << " VMs, " << s.runs << " runs");
  CHECK(all.faults.size() > 6000);
  CHECK(s.minimal);
  CHECK(s.trial.faults.size() <= 12);
  for (std::size_t i = 0; i < s.trial.faults.size(); ++i) {
    Trial fewer = s.trial;
    fewer.faults.erase(fewer.faults.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(!breaks(fewer));
  }
}
