#include "plugins/policy-pressure/cpu_wish.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace neonvm::policy_pressure {

namespace {

constexpr Duration stale = std::chrono::seconds(15);
constexpr double waiting = 0.05;
constexpr double saturated = 0.9;

bool sane(double x) { return is_known(x) && x >= 0 && x < 1e6; }

// CPUs that the guest wanted in this sample's interval; negative: it does not tell.
double demand_of(const GuestSample& sample) {
  if (!sane(sample.cpu_used)) return -1;
  const double online = std::max<double>(1, sample.online_cpus);
  const bool waits = (sane(sample.cpu.some) && sample.cpu.some > waiting) || sample.cpu_used > saturated * online;
  if (!waits || !sane(sample.runnable)) return sample.cpu_used;
  return std::max(sample.cpu_used, sample.runnable);
}

struct Demand {
  double now = -1, peak = -1;
  bool covers_calm = false;     // the samples reach back far enough to know the peak
};

Demand demand(const PolicyInput& input, Duration calm) {
  Demand result;
  for (const GuestSample& sample : input.samples) {
    const double wanted = demand_of(sample);
    if (wanted < 0 || sample.at > input.now) continue;
    const Duration age = input.now - sample.at;
    if (age >= calm) result.covers_calm = true;
    if (age <= calm) result.peak = std::max(result.peak, wanted);
    if (age <= stale) result.now = wanted;
  }
  return result;
}

std::string text_of(const char* format, double a, double b, double c) {
  char text[160];
  std::snprintf(text, sizeof text, format, a, b, c);
  return text;
}

}  // namespace

Wish cpu_wish(const PolicyInput& input, const PressureOptions& options) {
  const Demand seen = demand(input, options.calm);
  const double have = input.using_now.cpu.cpus();
  if (seen.now < 0) return {false, have, "cpu.unknown", "no fresh sample tells the CPU in use"};
  // What waits for a CPU gets a whole one; what is busy gets some air.
  const double now = std::max(seen.now, std::min(seen.now / options.cpu_target, seen.now + 1));
  if (now > have) {
    return {true, now, "cpu.demand", text_of("%.2f CPUs wanted now, with air %.2f; has %.2f", seen.now, now, have)};
  }
  const double peak = std::min(seen.peak / options.cpu_target, seen.peak + 1);
  const double calm_for = seconds(options.calm);
  if (!seen.covers_calm) return {true, have, "cpu.wait", text_of("%.2f CPUs wanted; not watched for %.0f s yet (has %.2f)", seen.now, calm_for, have)};
  if (peak >= have * (1 - options.step_down)) {
    return {true, have, "cpu.keep", text_of("%.2f CPUs at the most in %.0f s: worth keeping %.2f", seen.peak, calm_for, have)};
  }
  return {true, peak, "cpu.calm", text_of("%.2f CPUs at the most in %.0f s, with air %.2f", seen.peak, calm_for, peak)};
}

}  // namespace neonvm::policy_pressure
