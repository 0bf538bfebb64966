// The policy call allocates nothing of its own: counted with the program's operator new.
#include <cstdlib>
#include <new>

#include "core/plugin/policy_proxy.hpp"
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

extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_tiny(void);
extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_policy_default(void);

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

// A minute of samples, each with an hour of the working set: the longest input there is in practice.
std::vector<GuestSample> many_samples() {
  std::vector<GuestSample> samples(60);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    GuestSample& s = samples[i];
    s.at = Instant(std::chrono::seconds(i));
    s.load1 = s.load5 = s.runnable = 3;
    s.memory_total = s.memory_cached = Bytes{4 * gib};
    s.memory_available = Bytes{gib};
    s.working_set_pages.assign(60, 1000.0);
  }
  return samples;
}

// Calls of operator new in one decision, once the buffers have their size.
template <typename Ask>
std::size_t count(const Ask& ask) {
  constexpr int rounds = 100;
  REQUIRE(ask());
  bool all = true;
  const std::size_t before = allocated;
  for (int i = 0; i < rounds; ++i) all = ask() && all;
  const std::size_t after = allocated;
  CHECK(all);
  return (after - before) / rounds;
}

struct Tunnel {
  explicit Tunnel(const neonvm_plugin_descriptor* descriptor)
      : opened(*Opened::open(*descriptor, {}, {})), proxy(opened) {
    config = default_scaling_config();
    config.enable_lfc_metrics = true;
    input.vm = "web";
    input.now = Instant(std::chrono::seconds(60));
    input.samples = samples;
    input.compute_unit = default_compute_unit;
    input.config = &config;
  }

  std::vector<GuestSample> samples = many_samples();
  ScalingConfig config;
  PolicyInput input;
  std::shared_ptr<Opened> opened;
  PolicyProxy proxy;
  neonvm_goal goal{};
};

}  // namespace

TEST_CASE("allocations: a C policy decides without any") {
  Tunnel tunnel(neonvm_plugin_v1_policy_tiny());
  CHECK(count([&] { return tunnel.proxy.ask(tunnel.input, tunnel.goal).ok(); }) == 0);
  CHECK(tunnel.goal.because_count == 1);
  // With a Goal made of it: the list of its one reason and that one's text.
  CHECK(count([&] { return tunnel.proxy.decide(tunnel.input).ok(); }) == 2);
}

TEST_CASE("allocations: none of the default policy, its reasons included") {
  Tunnel tunnel(neonvm_plugin_v1_policy_default());
  CHECK(count([&] { return tunnel.proxy.ask(tunnel.input, tunnel.goal).ok(); }) == 0);
  CHECK(tunnel.goal.because_count == 5);
  Goal kept;
  CHECK(count([&] { return tunnel.proxy.decide_into(tunnel.input, kept).ok(); }) == 0);
  CHECK(kept.because.size() == 5);
}
