#include "plugins/policy-fixed/fixed_policy.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_fixed;

namespace {

Goal decide(const std::map<std::string, std::string>& settings) {
  PolicyInput input;
  input.using_now = {MilliCpu{1000}, Bytes{2 * gib}};
  input.min = {MilliCpu{250}, Bytes{gib}};
  input.max = {MilliCpu{4000}, Bytes{8 * gib}};
  const auto options = read_options(settings);
  REQUIRE(options);
  const auto goal = FixedPolicy(*options).decide(input);
  REQUIRE(goal);
  return *goal;
}

}  // namespace

TEST_CASE("fixed: what was asked for") {
  CHECK(decide({}).wish == Resources{MilliCpu{1000}, Bytes{2 * gib}});
  CHECK(decide({{"at", "max"}}).wish == Resources{MilliCpu{4000}, Bytes{8 * gib}});
  CHECK(decide({{"at", "min"}, {"cpus", "1.5"}}).wish == Resources{MilliCpu{1500}, Bytes{gib}});
  CHECK(decide({{"memory", "3Gi"}}).because ==
        std::vector<Because>{{"fixed", "1 CPUs, 3072.0 MiB"}});
}

TEST_CASE("fixed: the bounds that bit are told") {
  const Goal goal = decide({{"cpus", "9"}});
  CHECK(goal.wish == Resources{MilliCpu{4000}, Bytes{2 * gib}});
  CHECK(goal.because[1] == Because{"fixed.bounds", "the VM's bounds allow 4 CPUs, 2048.0 MiB"});
}

TEST_CASE("fixed: wrong options") {
  CHECK(read_options({{"at", "mxa"}}).error().message == "at: \"mxa\" is not one of now, min, max; did you mean max?");
  CHECK_THAT(read_options({{"cpu", "1"}}).error().message, Catch::Contains("did you mean cpus?"));
}
