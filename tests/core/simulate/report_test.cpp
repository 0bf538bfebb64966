#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/simulate/report.hpp"
#include "tests/core/simulate/small_world.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

RunResult short_run() {
  World world(small_cluster(2, 16), {}, every_generator(1), default_policies());
  auto result = world.run(2 * 3600);
  REQUIRE(result.ok());
  return *result;
}

}  // namespace

TEST_CASE("the JSON report has every figure of every world") {
  const auto report = nlohmann::json::parse(report_json({{"a", short_run()}, {"b", short_run()}}));
  CHECK(report["schema"] == 1);
  CHECK(report["complete"] == true);
  REQUIRE(report["worlds"].size() == 2);
  const auto& figures = report["worlds"][0]["figures"];
  for (const char* key : {"cpuSlack", "memorySlack", "throttledCoreSeconds", "oomKills", "resizesPerVmHour", "turnsPerVmHour",
                          "waitP50Seconds", "waitP99Seconds", "migrations", "inPlaceShare", "cuHours", "costOfFixed", "costOfOracle"})
    CHECK(figures.contains(key));
  CHECK(figures["vms"] == 16);
  CHECK(figures["costOfOracle"] > 0.9);
  CHECK(report["worlds"][0]["timeline"].size() > 100);
}

TEST_CASE("the page needs nothing from elsewhere and no name can break out of its data") {
  const std::string page = report_html({{"</script><b>&", short_run()}}, "a <b> & \"c\"");
  CHECK(page.find("http://") == page.find("http://www.w3.org/2000/svg"));
  CHECK(page.find("https://") == std::string::npos);
  CHECK(page.find("</script><b>") == std::string::npos);
  CHECK(page.find("<title>a &lt;b> &amp; &quot;c&quot;</title>") != std::string::npos);
}

TEST_CASE("percentiles are right to a bin and never too small") {
  Levels levels(0.01);
  for (int i = 1; i <= 1000; ++i) levels.add(i, 1);
  CHECK(levels.percentile(0.5) >= 500);
  CHECK(levels.percentile(0.5) < 500 * 1.1);
  CHECK(levels.percentile(0.995) >= 995);
  CHECK(Levels().percentile(0.5) == 0);
}

TEST_CASE("a timeline stays small and keeps the mean") {
  Timeline timeline;
  for (int i = 0; i < 100'000; ++i) timeline.add({.at = i * 30.0, .cpu_granted = static_cast<double>(i % 2) * 2, .vms = 1});
  const auto points = timeline.points();
  CHECK(points.size() <= timeline_points + 1);
  CHECK(points[10].cpu_granted == Approx(1));
  CHECK(points.back().at <= 100'000 * 30);
}
