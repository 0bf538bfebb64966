#include "tests/core/decide/scaling/scaling_script.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scenario.hpp"

using namespace neonvm::tests;

TEST_CASE("scaling scenarios") {
  const auto files = scenario_files(SCENARIOS);
  REQUIRE(files.size() >= 8);
  for (const std::string& file : files) {
    if (file.find("/scaling_") == std::string::npos) continue;
    ScalingScript script;
    run_scenario(file, [&](const auto& commands) { return script.play(commands); });
  }
}
