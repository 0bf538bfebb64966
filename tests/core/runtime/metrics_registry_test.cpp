#include "core/runtime/metrics_registry.hpp"

#include <malloc.h>

#include <thread>

#include "tests/support/catch.hpp"

using namespace neonvm::runtime;

TEST_CASE("the text form, family by family") {
  MetricsRegistry registry;
  registry.counter("b_total", "What \\ and\nnewline", {{"vm", "a\"b\\c\nd"}}).add(2);
  registry.gauge("a_ratio", "A gauge").set(0.25);
  const Histogram histogram = registry.histogram("c_seconds", "Times", {0.1, 1}, {{"step", "ask"}});
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
  const Counter counter = registry.counter("a_total", "", {{"vm", "web"}, {"node", "n1"}});
  CHECK(counter == registry.counter("a_total", "", {{"node", "n1"}, {"vm", "web"}}));
  registry.counter("a_total", "", {{"vm", "db"}}).add();
  registry.gauge("alone", "", {{"vm", "web"}}).set(1);
  registry.forget("vm", "web");
  counter.add(5);
  CHECK(registry.text() == "# HELP a_total \n# TYPE a_total counter\na_total{vm=\"db\"} 1\n");
  registry.counter("a_total", "", {{"vm", "web"}, {"node", "n1"}}).add(1);
  CHECK(registry.text().find("a_total{node=\"n1\",vm=\"web\"} 1\n") != std::string::npos);
}

TEST_CASE("a hundred thousand names that came and went leave nothing behind") {
  MetricsRegistry registry;
  static const MetricFamily times{MetricKind::histogram, "h_seconds", "", {"vm", "step"}, {0.1, 1, 10}};
  registry.counter("a_total", "", {{"vm", "stays"}}).add(7);
  const auto come_and_go = [&registry](int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string vm = "vm-" + std::to_string(i);
      registry.counter("a_total", "", {{"vm", vm}}).add();
      registry.gauge("a_ratio", "", {{"vm", vm}}).set(i);
      registry.histogram(times, {vm, "ask"}).observe(0.5);
      registry.forget("vm", vm);
    }
  };
  come_and_go(0, 1000);
  const auto before = static_cast<double>(mallinfo2().uordblks);
  come_and_go(1000, 101'000);
  // A single byte of each would be more.
  CHECK(static_cast<double>(mallinfo2().uordblks) - before < 100'000);
  CHECK(registry.text() == "# HELP a_total \n# TYPE a_total counter\na_total{vm=\"stays\"} 7\n");
}

TEST_CASE("a handle may outlive what it was taken from") {
  auto registry = std::make_unique<MetricsRegistry>();
  const Counter counter = registry->counter("a_total", "");
  registry.reset();
  counter.add();
}

TEST_CASE("threads count together while the text is read") {
  MetricsRegistry registry;
  const Counter counter = registry.counter("a_total", "");
  const Histogram histogram = registry.histogram("h", "", {1});
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

TEST_CASE("what is read off when somebody asks") {
  static const MetricFamily queue{MetricKind::gauge, "a_queue", "Waiting", {"of"}};
  static const MetricFamily done{MetricKind::counter, "b_total", "Done", {"outcome"}};
  MetricsRegistry registry;
  registry.counter(done, {"ok"}).add(3);
  double waiting = 2;
  auto asked = registry.at_scrape([&waiting](std::vector<MetricSample>& out) { out.push_back({&queue, {"x"}, waiting}); });
  const std::string counted = "# HELP b_total Done\n# TYPE b_total counter\nb_total{outcome=\"ok\"} 3\n";
  CHECK(registry.text() == counted + "# HELP a_queue Waiting\n# TYPE a_queue gauge\na_queue{of=\"x\"} 2\n");
  waiting = 5;
  CHECK(registry.text().find("a_queue{of=\"x\"} 5\n") != std::string::npos);
  // Two that tell the same series make one.
  {
    const auto other = registry.at_scrape([](std::vector<MetricSample>& out) {
      out.push_back({&queue, {"x"}, 7});
      out.push_back({&queue, {"y"}, 1});
    });
    CHECK(registry.text() == counted + "# HELP a_queue Waiting\n# TYPE a_queue gauge\na_queue{of=\"x\"} 7\na_queue{of=\"y\"} 1\n");
  }
  asked.reset();
  CHECK(registry.text() == counted);
}

TEST_CASE("a collector may count") {
  static const MetricFamily asked{MetricKind::counter, "asked_total", "Asked", {}};
  MetricsRegistry registry;
  const auto collector = registry.at_scrape([&registry](std::vector<MetricSample>&) { registry.counter(asked).add(); });
  CHECK(registry.text().find("asked_total 1\n") != std::string::npos);
}
