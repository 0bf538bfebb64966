#include "plugins/policy-default/readings.hpp"

#include "tests/plugins/policy-default/tables.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_default;

namespace {

Instant ago(int seconds) { return test_now - std::chrono::seconds(seconds); }
GuestSample sample(int age) { return sample_with(ago(age), 1.0, 2.0, Bytes{300 * mib}, Bytes{gib}); }

}  // namespace

TEST_CASE("readings: the newest usable sample counts") {
  std::vector<GuestSample> samples{sample(20), sample(10), sample(0)};
  samples[1].load1 = 3.0;
  samples[2].load1 = absent;
  CHECK(read_load(samples, test_now)->load1 == 3.0);
  samples[1].load5 = -1;
  CHECK(read_load(samples, test_now)->load1 == 1.0);
  samples[0].load1 = std::numeric_limits<double>::infinity();
  const auto none = read_load(samples, test_now);
  CHECK_FALSE(none);
  CHECK(missing_of(samples, test_now, load_average).line().text() == "no sample of the last 60 s tells a usable load average");
}

TEST_CASE("readings: a minute old is the limit") {
  CHECK(read_load(std::vector{sample(60)}, test_now));
  const std::vector<GuestSample> old{sample(61)};
  CHECK_FALSE(read_load(old, test_now));
  CHECK(missing_of(old, test_now, load_average).line().text() == "the newest sample is 61 s old, above the limit of 60 s, so no load average");
  CHECK(missing_of({}, test_now, load_average).line().text() == "no sample yet, so no load average");
  // An old one does not come back when the newest one is broken.
  std::vector<GuestSample> samples{sample(61), sample(0)};
  samples[1].memory_available = unknown;
  CHECK_FALSE(read_used_memory(samples, test_now));
}

TEST_CASE("readings: memory") {
  CHECK(read_used_memory(std::vector{sample(0)}, test_now) == Bytes{300 * mib});
  GuestSample odd = sample(0);
  odd.memory_available = odd.memory_total + Bytes{1};
  CHECK_FALSE(read_used_memory(std::vector{odd}, test_now));
  odd = sample(0);
  odd.memory_cached = unknown;
  CHECK_FALSE(read_cached_memory(std::vector{odd}, test_now));
}

TEST_CASE("readings: a working set with one broken window is none") {
  std::vector<GuestSample> samples{sample(30), sample(0)};
  samples[0].working_set_pages = {1, 2, 3};
  CHECK(read_working_set(samples, test_now)->size() == 3);
  samples[0].working_set_pages[1] = absent;
  CHECK_FALSE(read_working_set(samples, test_now));
}
