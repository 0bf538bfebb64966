#include "core/runtime/metrics_registry.hpp"

#include <thread>

#include "tests/support/catch.hpp"

using namespace neonvm::runtime;

TEST_CASE("the text form, family by family") {
  MetricsRegistry registry;
  registry.counter("b_total", "What \\ and\nnewline", {{"vm", "a\"b\\c\nd"}}).add(2);
  registry.gauge("a_ratio", "A gauge").set(0.25);
  Histogram& histogram = registry.histogram("c_seconds", "Times", {0.1, 1}, {{"step", "ask"}});
  histogram.observe(0.1);
  histogram.observe(0.5);
  histogram.observe(7);
  CHECK(registry.text() == R"(# HELP a_ratio A gauge
# TYPE a_ratio gauge
a_ratio 0.25
# HELP b_total What \\ and\nnewline
# TYPE b_total counter
b_total{vm="a\"b\\c\nd"} 2
# HELP c_seconds Times
# TYPE c_seconds histogram
c_seconds_bucket{step="ask",le="0.1"} 1
c_seconds_bucket{step="ask",le="1"} 2
c_seconds_bucket{step="ask",le="+Inf"} 3
c_seconds_sum{step="ask"} 7.6
c_seconds_count{step="ask"} 3
)");
}

TEST_CASE("numbers that are not") {
  MetricsRegistry registry;
  registry.gauge("a", "", {{"n", "1"}}).set(std::numeric_limits<double>::quiet_NaN());
  registry.gauge("a", "", {{"n", "2"}}).set(std::numeric_limits<double>::infinity());
  registry.gauge("a", "", {{"n", "3"}}).set(1e300);
  CHECK(registry.text() == "# HELP a \n# TYPE a gauge\na{n=\"1\"} NaN\na{n=\"2\"} +Inf\na{n=\"3\"} 1e+300\n");
}

TEST_CASE("the same name and labels are the same instrument; a forgotten one counts for nothing") {
  MetricsRegistry registry;
  Counter& counter = registry.counter("a_total", "", {{"vm", "web"}, {"node", "n1"}});
  CHECK(&counter == &registry.counter("a_total", "", {{"node", "n1"}, {"vm", "web"}}));
  registry.counter("a_total", "", {{"vm", "db"}}).add();
  registry.gauge("alone", "", {{"vm", "web"}}).set(1);
  registry.forget("vm", "web");
  counter.add(5);
  CHECK(registry.text() == "# HELP a_total \n# TYPE a_total counter\na_total{vm=\"db\"} 1\n");
  registry.counter("a_total", "", {{"vm", "web"}, {"node", "n1"}}).add(1);
  CHECK(registry.text().find("a_total{node=\"n1\",vm=\"web\"} 1\n") != std::string::npos);
}

TEST_CASE("threads count together while the text is read") {
  MetricsRegistry registry;
  Counter& counter = registry.counter("a_total", "");
  Histogram& histogram = registry.histogram("h", "", {1});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counter.add();
        histogram.observe(0.5);
        if (i % 100 == 0) registry.counter("b_total", "", {{"i", std::to_string(i)}}).add();
      }
    });
  }
  for (int i = 0; i < 50; ++i) CHECK(registry.text().find("a_total") != std::string::npos);
  for (std::thread& thread : threads) thread.join();
  CHECK(registry.text().find("a_total 4000\n") != std::string::npos);
  CHECK(registry.text().find("h_count 4000\n") != std::string::npos);
  CHECK(registry.text().find("b_total{i=\"900\"} 4\n") != std::string::npos);
}
