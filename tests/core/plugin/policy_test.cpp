#include <array>

#include "core/plugin/catalog.hpp"
#include "core/plugin/plugin_sdk.hpp"
#include "tests/core/plugin/script.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

// Answers what the test set up.
class Scripted final : public Policy {
 public:
  Result<Goal> decide(const PolicyInput& input) override {
    Goal goal;
    goal.wish = input.max;
    goal.because.push_back({"scripted", std::string(input.vm) + " " + std::to_string(input.samples.size())});
    return script().answer(goal, "decide", input.now);
  }
};

template <int hours, int minutes>
class WithCommas final : public Policy {
 public:
  Result<Goal> decide(const PolicyInput&) override {
    Goal goal;
    goal.compute_units = hours * 60 + minutes;
    return goal;
  }
};

// Doubles what another policy wishes.
class Doubled final : public Policy {
 public:
  static Result<std::unique_ptr<Doubled>> open(const Options& options) {
    auto inner = options.host.open_policy(options.settings.at("of"), {});
    if (!inner) return inner.error().at("of");
    auto made = std::make_unique<Doubled>();
    made->inner_ = std::move(inner).value();
    return made;
  }
  Result<Goal> decide(const PolicyInput& input) override {
    auto goal = inner_->decide(input);
    if (goal) goal->wish = goal->wish + goal->wish;
    return goal;
  }

 private:
  std::unique_ptr<Policy> inner_;
};

}  // namespace

NEONVM_PLUGIN(doubled, policy, Doubled);
NEONVM_PLUGIN(scripted, policy, Scripted);
NEONVM_PLUGIN(commas, policy, WithCommas<2, 5>);

extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_tiny(void);
extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_default(void);

namespace {

const std::array<neonvm_plugin_getter, 5> builtins{neonvm_plugin_v1_policy_scripted, neonvm_plugin_v1_policy_doubled,
                                                   neonvm_plugin_v1_policy_commas, neonvm_plugin_v1_policy_tiny,
                                                   neonvm_plugin_v1_policy_default};

std::unique_ptr<Policy> opened(const std::string& name) {
  auto policy = Catalog(builtins, {}).open_policy(name);
  REQUIRE(policy);
  return std::move(*policy);
}

PolicyInput busy_input(std::span<const GuestSample> samples) {
  PolicyInput input;
  input.vm = "web";
  input.samples = samples;
  input.max = {MilliCpu{8000}, Bytes{32 * gib}};
  input.compute_unit = default_compute_unit;
  return input;
}

GuestSample busy_sample() {
  GuestSample sample;
  sample.load1 = 3.5;
  sample.load5 = 0;
  sample.runnable = 3;
  sample.memory_total = Bytes{4 * gib};
  sample.memory_available = Bytes{3 * gib};
  return sample;
}

}  // namespace

TEST_CASE("policy tunnel: a policy may build on another, which the host opens") {
  script() = {};
  auto doubled = Catalog(builtins, {}).open_policy("doubled", {{"of", "scripted"}});
  REQUIRE(doubled);
  const std::vector<GuestSample> samples(3);
  const auto goal = (*doubled)->decide(busy_input(samples));
  REQUIRE(goal);
  CHECK(goal->wish == Resources{MilliCpu{16000}, Bytes{64 * gib}});
  CHECK(goal->because == std::vector<Because>{{"scripted", "web 3"}});

  const auto unknown = Catalog(builtins, {}).open_policy("doubled", {{"of", "nobody"}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Code::not_found);
  CHECK_THAT(unknown.error().message, Catch::StartsWith("policy doubled: of: no policy plugin \"nobody\""));
}

TEST_CASE("policy tunnel: an older host opens no policy for another") {
  neonvm_host host{};
  host.size = offsetof(neonvm_host, open_policy);
  CHECK(Host(&host).open_policy("tiny", {}).error().code == Code::unsupported);
  CHECK(Host().open_policy("tiny", {}).error().code == Code::unsupported);
}

TEST_CASE("policy tunnel: a C++ class") {
  script() = {};
  const std::vector<GuestSample> samples(3);
  const auto goal = opened("scripted")->decide(busy_input(samples));
  REQUIRE(goal);
  CHECK(goal->wish == Resources{MilliCpu{8000}, Bytes{32 * gib}});
  CHECK(goal->because == std::vector<Because>{{"scripted", "web 3"}});
  CHECK(opened("commas")->decide({})->compute_units == 125);
}

TEST_CASE("policy tunnel: errors and exceptions") {
  script() = {};
  const auto policy = opened("scripted");
  script().error = Error{Code::failed_precondition, "too few samples"};
  CHECK(policy->decide({}).error().code == Code::failed_precondition);
  CHECK(policy->decide({}).error().message == "too few samples");
  script().throws = true;
  CHECK(policy->decide({}).error().code == Code::internal);
  CHECK(policy->decide({}).error().message == "policy scripted: boom");
  script() = {};
  CHECK(policy->decide({}));  // and it goes on
}

TEST_CASE("policy tunnel: a policy in plain C") {
  const auto policy = opened("tiny");
  const GuestSample sample = busy_sample();
  const auto goal = policy->decide(busy_input(std::span(&sample, 1)));
  REQUIRE(goal);
  CHECK(goal->complete);
  CHECK(goal->wish == Resources{MilliCpu{3000}, Bytes{2 * gib}});
  CHECK(goal->because == std::vector<Because>{{"tiny", "3 tasks want to run"}});
  // The reasons of the call before are gone.
  const auto nothing = policy->decide(busy_input({}));
  CHECK_FALSE(nothing->complete);
  CHECK(nothing->because.empty());
}

TEST_CASE("policy tunnel: the default policy answers the same as without the tunnel") {
  const GuestSample sample = busy_sample();
  const auto goal = opened("default")->decide(busy_input(std::span(&sample, 1)));
  REQUIRE(goal);
  CHECK(goal->compute_units == 16);
  CHECK(goal->because.size() == 3);
}

TEST_CASE("policy tunnel: the default policy has no settings") {
  const auto refused = Catalog(builtins, {}).open_policy("default", {{"speed", "9"}});
  CHECK(refused.error().message == "policy default: unknown setting \"speed\"; this plugin has none");
  CHECK(Catalog(builtins, {}).open_policy("tiny", {{"speed", "9"}}).error().message == "policy tiny: tiny has no settings");
}
