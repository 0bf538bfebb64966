#include "tests/plugins/policy-laws/hostile_input.hpp"

#include <array>
#include <bit>
#include <limits>

namespace neonvm::test {

double HostileHost::any_number() {
  static constexpr std::array odd{0.0,   -0.0,  -1.0,  absent, 1e-300, 1e300, std::numeric_limits<double>::infinity(),
                                  -1e18, 0.3,   1.0,   7.0,    2e9,    std::numeric_limits<double>::denorm_min()};
  const std::uint64_t which = below(odd.size() + 2);
  return which < odd.size() ? odd[which] : std::bit_cast<double>(random_());
}

Bytes HostileHost::any_bytes() {
  const std::uint64_t which = below(4);
  if (which == 0) return unknown;
  return which == 1 ? Bytes{below(64) * gib} : Bytes{random_() >> below(64)};
}

Resources HostileHost::any_size() {
  const std::uint64_t which = below(8);
  if (which == 0) return {};
  if (which == 1) return {MilliCpu{static_cast<std::uint32_t>(random_())}, Bytes{random_()}};
  return {MilliCpu{static_cast<std::uint32_t>(250 * (1 + below(64)))}, Bytes{gib * (1 + below(64))}};
}

Instant HostileHost::any_time() {
  switch (below(6)) {
    case 0: return Instant(Duration(static_cast<std::int64_t>(random_())));
    case 1: return Instant(Duration(std::numeric_limits<std::int64_t>::min()));
    case 2: return Instant(Duration(std::numeric_limits<std::int64_t>::max()));
    default: return Instant(std::chrono::hours(2) + std::chrono::milliseconds(below(100'000'000)));
  }
}

GuestSample HostileHost::likely_sample() {
  GuestSample s;
  s.at = now_ - std::chrono::milliseconds(below(70'000));
  s.interval = 1;
  s.online_cpus = static_cast<std::uint32_t>(1 + below(8));
  s.cpu_used = static_cast<double>(below(8));
  s.runnable = s.load1 = s.load5 = static_cast<double>(below(20));
  s.cpu.some = static_cast<double>(below(100)) / 100;
  s.memory_total = Bytes{8 * gib};
  s.memory_available = Bytes{below(8) * gib};
  s.memory_file = s.memory_cached = Bytes{below(4) * gib};
  s.oom_kills = below(3);
  return s;
}

GuestSample HostileHost::any_sample() {
  GuestSample s = likely_sample();
  if (below(2) == 0) return s;
  if (below(3) == 0) s.at = any_time();
  for (double* field : {&s.interval, &s.load1, &s.load5, &s.load15, &s.cpu_used, &s.cpu_stolen, &s.runnable, &s.blocked,
                        &s.cpu.some, &s.cpu.full, &s.memory.some, &s.io.full, &s.refaults, &s.swapped_in}) {
    if (below(3) == 0) *field = any_number();
  }
  for (Bytes* field : {&s.memory_total, &s.memory_available, &s.memory_free, &s.memory_anon, &s.memory_file,
                       &s.memory_cached, &s.slab_reclaimable, &s.swap_total, &s.swap_free}) {
    if (below(3) == 0) *field = any_bytes();
  }
  if (below(3) == 0) s.oom_kills = random_();
  if (below(3) == 0) s.online_cpus = static_cast<std::uint32_t>(random_());
  for (std::uint64_t n = below(61); n > 0; --n) s.working_set_pages.push_back(below(9) == 0 ? any_number() : 1000.0);
  return s;
}

ScalingConfig HostileHost::any_config() {
  ScalingConfig config = default_scaling_config();
  config.enable_lfc_metrics = below(2) == 0;
  if (below(3) != 0) return config;
  config.load_average_fraction_target = any_number();
  config.memory_usage_fraction_target = any_number();
  config.lfc_to_memory_ratio = any_number();
  config.lfc_window_size_minutes = static_cast<std::int64_t>(random_());
  config.lfc_min_wait_before_downscale_minutes = static_cast<std::int64_t>(below(20)) - 5;
  config.cpu_stable_zone_ratio = any_number();
  config.cpu_mixed_zone_ratio = any_number();
  return config;
}

Question HostileHost::next() {
  const std::chrono::milliseconds step(below(20'000));
  now_ += step;
  wall_ += step / std::chrono::seconds(1);
  Question question;
  question.samples.resize(below(8));
  for (GuestSample& sample : question.samples) sample = any_sample();
  question.config = any_config();
  PolicyInput& input = question.input;
  input.vm = below(8) == 0 ? "other" : "vm";
  input.now = below(20) == 0 ? any_time() : now_;
  input.wall_seconds = below(20) == 0 ? static_cast<std::int64_t>(random_()) : below(10) == 0 ? 0 : wall_;
  input.using_now = any_size();
  input.min = below(3) == 0 ? any_size() : default_compute_unit;
  input.max = below(3) == 0 ? any_size() : default_compute_unit * 64;
  input.compute_unit = below(10) == 0 ? any_size() : default_compute_unit;
  if (below(4) == 0) input.request = GuestRequest{below(2) == 0 ? now_ : any_time(), any_bytes()};
  return question;
}

}  // namespace neonvm::test
