// No policy allocates in a decision, once it knows the VM: counted with the program's operator new. policy-lua's script has
// a bounded heap of its own besides.
#include <cstdlib>
#include <new>

#include "tests/plugins/policy-laws/all_policies.hpp"
#include "tests/support/catch.hpp"

namespace {

thread_local std::size_t allocated = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocated;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocated;
  return std::malloc(size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

using namespace neonvm;
using namespace neonvm::test;

namespace {

GuestSample sample_at(int second) {
  GuestSample s;
  s.at = Instant(std::chrono::seconds(second));
  const bool busy = second / 40 % 3 == 0;
  s.load1 = s.load5 = s.runnable = busy ? 6 : 0.1;
  s.cpu_used = busy ? 0.99 : 0.05;
  s.cpu.some = s.memory.some = busy ? 0.5 : 0;
  s.online_cpus = 1;
  s.memory_total = s.memory_cached = Bytes{4 * gib};
  s.memory_available = Bytes{busy ? gib : 3 * gib};
  s.working_set_pages.assign(60, 1000.0);
  return s;
}

}  // namespace

TEST_CASE("allocations: none in the decisions of any policy") {
  std::vector<GuestSample> samples;
  for (int second = 0; second < 700; ++second) samples.push_back(sample_at(second));
  ScalingConfig config = default_scaling_config();
  config.enable_lfc_metrics = true;
  for (const PolicyCase& each : all_policies()) {
    INFO(each.name);
    const auto policy = open(each);
    PolicyInput input;
    input.vm = "web";
    input.using_now = {MilliCpu{1000}, Bytes{4 * gib}};
    input.min = input.compute_unit = default_compute_unit;
    input.max = default_compute_unit * 32;
    input.config = &config;
    Goal goal;
    bool all = true;
    std::size_t before = 0;
    for (std::size_t i = 60; i < samples.size(); ++i) {
      if (i == 380) before = allocated;  // every kind of answer was there by now
      input.now = samples[i].at;
      input.wall_seconds = 1704067200 + static_cast<std::int64_t>(i);
      input.samples = std::span(samples).subspan(i - 60, 61);
      all = policy->decide_into(input, goal).ok() && all;
      if (fits_in(goal.wish, input.max)) input.using_now = goal.wish;
    }
    const std::size_t count = allocated - before;
    CHECK(all);
    CHECK(count == 0);
  }
}
