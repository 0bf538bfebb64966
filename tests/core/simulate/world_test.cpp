#include <catch2/catch.hpp>

#include "plugins/policy-pressure/pressure_policy.hpp"
#include "tests/core/simulate/small_world.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

constexpr double hour = 3600;

class Lockstep final : public World {
 public:
  using World::World;
  bool lockstep() const override { return true; }
};

PolicyFactory pressure_policies() {
  return []() -> Result<std::unique_ptr<Policy>> { return std::unique_ptr<Policy>(std::make_unique<policy_pressure::PressurePolicy>()); };
}

template <typename W = World>
RunResult run(const Settings& settings, const PolicyFactory& policies, const ClusterPlan& plan, double hours = 6) {
  W world(plan, settings, every_generator(settings.seed), policies);
  auto result = world.run(hours * hour);
  REQUIRE(result.ok());
  return *result;
}

}  // namespace

// Where two numbers are drawn in one expression, compilers differ in which one comes first.
TEST_CASE("generators draw the same numbers with every compiler") {
  const auto fifty = [](const char* kind) {
    GeneratorSpec spec;
    spec.kind = kind;
    const auto source = make_generator(spec, 7);
    double at = 0, used = 0;
    for (int i = 0; i < 50; ++i) {
      const Piece piece = source->piece(at);
      used += piece.demand.cpu * (piece.until - at);
      at = piece.until;
    }
    return std::pair(at, used);
  };
  CHECK(fifty("bursty").first == Approx(28109.2865));
  CHECK(fifty("bursty").second == Approx(9732.43609));
  CHECK(fifty("heavy_tail").second == Approx(734.528573));
  CHECK(fifty("diurnal").second == Approx(4795.25043));
  CHECK(fifty("scan").first == Approx(132909.093));
}

TEST_CASE("a result is the same bits for any number of threads") {
  const auto plan = small_cluster(5, 60, {MilliCpu{12'000}, Bytes{48 * gib}});
  Settings settings;
  const RunResult one = run(settings, default_policies(), plan);
  settings.threads = 3;
  const RunResult three = run(settings, default_policies(), plan);
  CHECK(one.digest == three.digest);
  CHECK(one.total.migrations > 0);
  settings.seed = 2;
  CHECK(run(settings, default_policies(), plan).digest != one.digest);
}

TEST_CASE("not going through quiet code changes no result") {
  const auto plan = small_cluster(4, 48, {MilliCpu{14'000}, Bytes{60 * gib}});
  for (const auto& policies : {default_policies(), pressure_policies()}) {
    for (const int step : {5, 1}) {
      Settings settings;
      settings.step = std::chrono::seconds(step);
      const RunResult skipped = run(settings, policies, plan, step == 1 ? 2 : 6);
      settings.skip_quiet = false;
      const RunResult asked = run(settings, policies, plan, step == 1 ? 2 : 6);
      INFO("step " << step);
      CHECK(skipped.digest == asked.digest);
      CHECK(skipped.total.denials == asked.total.denials);
      CHECK(skipped.total.resizes > 100);
    }
  }
}

// Jumps of CPU and memory at any distance from a step.
class Restless final : public DemandSource {
 public:
  explicit Restless(std::uint64_t seed) : random_(seed) {}
  Piece piece(double at) override {
    const double memory = random_.chance(0.5) ? random_.between(0.2e9, 1e9) : random_.between(1e9, 4e9);
    return {{random_.between(0, 3), memory, 1e8, 0}, at + random_.between(2, 40)};
  }

 private:
  Random random_;
};

TEST_CASE("restless VMs have the same wishes whether or not quiet code is gone through") {
  const auto plan = small_cluster(4, 200, {MilliCpu{128'000}, Bytes{512 * gib}});
  const auto sources = [](std::size_t i) -> std::unique_ptr<DemandSource> { return std::make_unique<Restless>(mixed(i)); };
  std::optional<RunResult> skipped, asked;
  for (auto* result : {&skipped, &asked}) {
    Settings settings;
    settings.skip_quiet = result == &skipped;
    auto ran = World(plan, settings, sources, default_policies()).run(2 * hour);
    REQUIRE(ran.ok());
    *result = std::move(*ran);
  }
  CHECK(skipped->digest == asked->digest);
  CHECK(skipped->total.policy_calls == asked->total.policy_calls);
  CHECK(skipped->total.denials == asked->total.denials);
}

TEST_CASE("VMs that run ahead of each other change no result") {
  const auto plan = small_cluster(4, 48, {MilliCpu{12'000}, Bytes{48 * gib}});
  Settings settings;
  CHECK(run<Lockstep>(settings, default_policies(), plan).digest == run(settings, default_policies(), plan).digest);
}

TEST_CASE("figures of a run make sense") {
  const auto plan = small_cluster(4, 48);
  Settings settings;
  const RunResult r = run(settings, default_policies(), plan, 24);
  const VmStatistics& t = r.total;
  CHECK(r.vms == 48);
  CHECK(t.alive == Approx(48 * 24 * hour));
  CHECK(t.steps == 48u * 24 * 720);
  CHECK(t.cpu_used <= t.cpu_granted);
  CHECK(t.oracle_units > 0);
  CHECK(t.units > t.oracle_units * 0.8);
  CHECK(t.units < r.fixed_units);
  CHECK(t.grows > 48);
  CHECK(r.waits.total() > 0);
  CHECK(r.timeline.points().size() > 100);
}

TEST_CASE("a cluster that cannot hold its VMs is refused with the VM's name") {
  const auto plan = small_cluster(1, 9, {MilliCpu{2000}, Bytes{8 * gib}});
  World world(plan, {}, every_generator(1), default_policies());
  const auto result = world.run(hour);
  REQUIRE(!result.ok());
  CHECK(result.error().code == Code::out_of_capacity);
  CHECK(result.error().message.find("vm8") != std::string::npos);
}

TEST_CASE("stopping gives what there is so far") {
  World world(small_cluster(2, 8), {}, every_generator(1), default_policies());
  const auto result = world.run(24 * hour, [](double done, double) { return done < hour; });
  REQUIRE(result.ok());
  CHECK(!result->complete);
  CHECK(result->simulated == Approx(hour));
  CHECK(result->total.alive == Approx(8 * hour).epsilon(0.01));
}

TEST_CASE("a policy that throws or fails keeps the VMs at their size and is named") {
  struct Broken final : Policy {
    Result<Goal> decide(const PolicyInput& input) override {
      if (input.now.time_since_epoch().count() % 2 == 0) throw std::runtime_error("no idea");
      return Error{Code::internal, "out of ideas"};
    }
  };
  World world(small_cluster(1, 4), {}, every_generator(1),
              []() -> Result<std::unique_ptr<Policy>> { return std::unique_ptr<Policy>(std::make_unique<Broken>()); });
  const auto result = world.run(hour);
  REQUIRE(result.ok());
  CHECK(result->total.policy_errors == result->total.policy_calls);
  CHECK(result->policy_error.find("ideas") + result->policy_error.find("no idea") != std::string::npos);
}

TEST_CASE("garbage of a policy stays within the bounds") {
  struct Wild final : Policy {
    std::uint32_t calls = 0;
    Result<Goal> decide(const PolicyInput&) override {
      Goal goal;
      ++calls;
      goal.wish = calls % 3 == 0 ? Resources{} : Resources{MilliCpu{4'000'000'000u}, Bytes{~0ull}};
      return goal;
    }
  };
  World world(small_cluster(1, 4, {MilliCpu{64'000}, Bytes{256 * gib}}), {}, every_generator(1),
              []() -> Result<std::unique_ptr<Policy>> { return std::unique_ptr<Policy>(std::make_unique<Wild>()); });
  const auto result = world.run(hour);
  REQUIRE(result.ok());
  CHECK(result->total.cpu_granted <= 4 * 4 * hour * 1.001);
}
