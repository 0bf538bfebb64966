#include <catch2/catch.hpp>
#include <fstream>

#include "core/simulate/recording.hpp"
#include "core/simulate/trace.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

GuestSample sample(double at, double used, double runnable, std::uint32_t online = 2) {
  GuestSample s;
  s.at = Instant{from_seconds(1000 + at)};
  s.interval = 1;
  s.cpu_used = used;
  s.runnable = runnable;
  s.online_cpus = online;
  s.memory_anon = Bytes{300 * mib};
  s.memory_shmem = Bytes{10 * mib};
  s.memory_file = Bytes{80 * mib};
  s.swap_total = Bytes{100 * mib};
  s.swap_free = Bytes{96 * mib};
  return s;
}

constexpr Resources has{MilliCpu{1500}, Bytes{gib}};

}  // namespace

TEST_CASE("a recording is read again as it was") {
  Recording recording("web", std::chrono::seconds(5));
  std::string text;
  for (int second = 0; second <= 20; ++second) text += recording.sampled(sample(second, 0.5, 1), has).value_or("");
  CHECK(recording.readings() == 5);
  CHECK(recording.length() == Approx(20));
  const TempDir dir;
  const std::string path = dir.path() / "web.jsonl";
  std::ofstream(path) << text;
  TraceOptions options;
  options.format = "jsonl";
  const auto trace = read_trace({path}, options);
  if (!trace) FAIL(trace.error().message);
  REQUIRE(trace->tracks.size() == 1);
  CHECK(trace->tracks[0].vm == "web");
  REQUIRE(trace->readings == 5);
  CHECK(trace->tracks[0].points[1].at == 5);
  CHECK(trace->tracks[0].points[1].cpu == 0.5f);
  CHECK(trace->tracks[0].points[1].memory == static_cast<float>(314 * mib));
  CHECK(trace->tracks[0].points[1].file == static_cast<float>(80 * mib));
  CHECK(text.find("\"cpus\":1.5,\"size\":1073741824") != std::string::npos);
}

TEST_CASE("with every CPU busy the demand is what waits for one") {
  Recording recording("web", std::chrono::seconds(1));
  CHECK(recording.sampled(sample(0, 1.95, 5), has)->find("\"cpu\":5.0") != std::string::npos);
  CHECK(recording.sampled(sample(1, 1.0, 5), has)->find("\"cpu\":1.0") != std::string::npos);
}

TEST_CASE("where tasks wait most of the time the use that is counted says little") {
  Recording recording("web", std::chrono::seconds(1));
  GuestSample held_back = sample(0, 0.01, 2);
  held_back.cpu.some = 0.96;
  CHECK(recording.sampled(held_back, has)->find("\"cpu\":2.0") != std::string::npos);
}

TEST_CASE("figures that are not told are left out") {
  Recording recording("web", std::chrono::seconds(1));
  CHECK_FALSE(recording.sampled(sample(0, absent, 1), has));
  GuestSample poor = sample(1, 0.25, absent, 0);
  poor.memory_anon = poor.memory_file = poor.swap_total = unknown;
  const auto line = recording.sampled(poor, has);
  REQUIRE(line);
  CHECK(line->find("memory") == std::string::npos);
  CHECK(line->find("file") == std::string::npos);
}
