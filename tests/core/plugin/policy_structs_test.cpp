#include "core/plugin/policy_structs.hpp"

#include "core/plugin/edge.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

Pressure pressure(double x) { return {x, x + 0.1, x + 0.2, x + 0.3}; }

// Every field has a value of its own.
GuestSample full_sample() {
  GuestSample s;
  s.at = Instant(Duration(11));
  s.interval = 1.5;
  s.load1 = 2.5;
  s.load5 = 3.5;
  s.load15 = 4.5;
  s.cpu_used = 5.5;
  s.cpu_stolen = 6.5;
  s.runnable = 7;
  s.blocked = 8;
  s.online_cpus = 9;
  s.cpu = pressure(1);
  s.memory = pressure(2);
  s.io = pressure(3);
  Bytes* bytes[] = {&s.memory_total, &s.memory_available, &s.memory_free, &s.memory_anon, &s.memory_file,
                    &s.memory_cached, &s.memory_shmem, &s.slab_reclaimable, &s.slab_unreclaimable, &s.swap_total,
                    &s.swap_free};
  std::uint64_t value = 100;
  for (Bytes* b : bytes) b->value = value++;
  s.refaults = 20;
  s.swapped_in = 21;
  s.oom_kills = 22;
  s.working_set_pages = {30, 31, 32};
  return s;
}

bool same(double a, double b) { return a == b || (!is_known(a) && !is_known(b)); }
bool same(const Pressure& a, const Pressure& b) {
  return same(a.some, b.some) && same(a.full, b.full) && same(a.some_avg10, b.some_avg10) &&
         same(a.full_avg10, b.full_avg10);
}

void check_same(const GuestSample& a, const GuestSample& b) {
  CHECK(a.at == b.at);
  CHECK((same(a.interval, b.interval) && same(a.load1, b.load1) && same(a.load5, b.load5)));
  CHECK((same(a.load15, b.load15) && same(a.cpu_used, b.cpu_used) && same(a.cpu_stolen, b.cpu_stolen)));
  CHECK((same(a.runnable, b.runnable) && same(a.blocked, b.blocked) && a.online_cpus == b.online_cpus));
  CHECK((same(a.cpu, b.cpu) && same(a.memory, b.memory) && same(a.io, b.io)));
  CHECK((a.memory_total == b.memory_total && a.memory_available == b.memory_available));
  CHECK((a.memory_free == b.memory_free && a.memory_anon == b.memory_anon && a.memory_file == b.memory_file));
  CHECK((a.memory_cached == b.memory_cached && a.memory_shmem == b.memory_shmem));
  CHECK((a.slab_reclaimable == b.slab_reclaimable && a.slab_unreclaimable == b.slab_unreclaimable));
  CHECK((a.swap_total == b.swap_total && a.swap_free == b.swap_free));
  CHECK((same(a.refaults, b.refaults) && same(a.swapped_in, b.swapped_in) && a.oom_kills == b.oom_kills));
  CHECK(a.working_set_pages == b.working_set_pages);
}

PolicyInput full_input(std::span<const GuestSample> samples, const ScalingConfig& config) {
  PolicyInput input;
  input.vm = "web";
  input.now = Instant(Duration(42));
  input.wall_seconds = 1700000000;
  input.samples = samples;
  input.using_now = {MilliCpu{1}, Bytes{2}};
  input.min = {MilliCpu{3}, Bytes{4}};
  input.max = {MilliCpu{5}, Bytes{6}};
  input.compute_unit = {MilliCpu{7}, Bytes{8}};
  input.config = &config;
  input.request = GuestRequest{Instant(Duration(43)), Bytes{44}};
  return input;
}

}  // namespace

TEST_CASE("policy structs: an input crosses whole") {
  const std::vector<GuestSample> samples{full_sample(), GuestSample{}};
  const ScalingConfig config{0.1, 0.2, 0.3, true, true, 0.4, 6, 7, 0.5, 0.6};
  const PolicyInput sent = full_input(samples, config);
  PolicyInputOut out;
  PolicyInputIn in;
  const auto got = in.read(out.fill(sent));
  REQUIRE(got);
  CHECK(got->vm == "web");
  CHECK(got->now == sent.now);
  CHECK(got->wall_seconds == sent.wall_seconds);
  CHECK((got->using_now == sent.using_now && got->min == sent.min && got->max == sent.max));
  CHECK(got->compute_unit == sent.compute_unit);
  CHECK(*got->config == config);
  CHECK((got->request->at == sent.request->at && got->request->memory == sent.request->memory));
  REQUIRE(got->samples.size() == 2);
  check_same(got->samples[0], samples[0]);
  check_same(got->samples[1], samples[1]);
}

TEST_CASE("policy structs: nothing but the needful") {
  PolicyInputOut out;
  PolicyInputIn in;
  const auto got = in.read(out.fill(PolicyInput{}));
  REQUIRE(got);
  CHECK(got->samples.empty());
  CHECK_FALSE(got->request);
  CHECK(*got->config == default_scaling_config());
}

TEST_CASE("policy structs: no more than an hour of the working set") {
  GuestSample sample;
  sample.working_set_pages.assign(75, 1.0);
  PolicyInput input;
  input.samples = std::span(&sample, 1);
  PolicyInputOut out;
  PolicyInputIn in;
  CHECK(in.read(out.fill(input))->samples[0].working_set_pages.size() == NEONVM_MAX_WORKING_SET);
}

TEST_CASE("policy structs: samples of a newer host are longer, and shorter ones are refused") {
  struct Longer {
    neonvm_sample known;
    double added;
  };
  const std::vector<GuestSample> samples{full_sample(), full_sample(), full_sample()};
  PolicyInput input;
  input.samples = samples;
  PolicyInputOut out;
  neonvm_policy_input as_struct = out.fill(input);
  std::vector<Longer> longer(3);
  for (std::size_t i = 0; i < 3; ++i) longer[i] = {*neonvm_sample_at(&as_struct, i), 99};
  as_struct.samples = longer.data();
  as_struct.sample_size = sizeof(Longer);
  PolicyInputIn in;
  const auto got = in.read(as_struct);
  REQUIRE(got);
  check_same(got->samples[2], samples[2]);
  as_struct.sample_size = sizeof(neonvm_sample) - 8;
  CHECK(in.read(as_struct).error().code == Code::invalid_argument);
  as_struct = out.fill(input);
  as_struct.size -= 8;
  CHECK(in.read(as_struct).error().code == Code::invalid_argument);
}

TEST_CASE("policy structs: a goal crosses whole") {
  Goal sent;
  sent.wish = {MilliCpu{4000}, Bytes{16 * gib}};
  sent.complete = false;
  sent.compute_units = 16;
  sent.because = {{"cpu.load1", "load1 3.5"}, {std::string(80, 'r'), std::string(500, 't')}};
  sent.ask_again = std::chrono::milliseconds(1500);
  neonvm_goal as_struct;
  clear(as_struct);
  write_goal(sent, as_struct);
  const Goal got = read_goal(as_struct);
  CHECK(got.wish == sent.wish);
  CHECK_FALSE(got.complete);
  CHECK(got.compute_units == 16);
  CHECK(got.ask_again == sent.ask_again);
  REQUIRE(got.because.size() == 2);
  CHECK(got.because[0] == sent.because[0]);
  CHECK(got.because[1].rule == std::string(NEONVM_RULE_SIZE - 4, 'r') + "…");
  CHECK(got.because[1].text == std::string(NEONVM_REASON_SIZE - 4, 't') + "…");
}

TEST_CASE("policy structs: reasons that do not fit are counted") {
  Goal sent;
  for (int i = 0; i < 20; ++i) sent.because.push_back({"r", std::to_string(i)});
  neonvm_goal as_struct;
  clear(as_struct);
  write_goal(sent, as_struct);
  Goal got = read_goal(as_struct);
  REQUIRE(got.because.size() == NEONVM_MAX_REASONS);
  CHECK(got.because[14] == Because{"r", "14"});
  CHECK(got.because[15] == Because{"more", "5 more reasons"});
  as_struct.because_count = 4000000;  // a plugin's mistake
  CHECK(read_goal(as_struct).because.size() == NEONVM_MAX_REASONS);
}
