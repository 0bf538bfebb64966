#include "plugins/policy-pressure/memory_wish.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace neonvm::policy_pressure {

namespace {

constexpr Duration stale = std::chrono::seconds(15);
constexpr Duration growth_window = std::chrono::seconds(3);
constexpr double lead = 2.0;              // seconds
constexpr double stalled = 0.05;
constexpr double hot_refaults = 1000;     // pages a second
constexpr Duration request_valid = std::chrono::seconds(10);

double in_mib(double bytes) { return bytes / static_cast<double>(mib); }

std::optional<double> used_of(const GuestSample& sample) {
  if (!is_known(sample.memory_total) || !is_known(sample.memory_available)) return std::nullopt;
  if (sample.memory_total < sample.memory_available || sample.memory_total.value == 0) return std::nullopt;
  double used = static_cast<double>((sample.memory_total - sample.memory_available).value);
  if (is_known(sample.swap_total) && is_known(sample.swap_free) && sample.swap_total >= sample.swap_free) {
    used += static_cast<double>((sample.swap_total - sample.swap_free).value);
  }
  return used;
}

struct Use {
  const GuestSample* newest = nullptr;
  double now = 0, peak = 0, growth = 0;   // bytes, bytes, bytes a second
  bool hot = false;                       // refaults or stalls within `calm`
  bool covers_calm = false;
};

bool presses(const GuestSample& sample) {
  return (is_known(sample.memory.some) && sample.memory.some > stalled) ||
         (is_known(sample.refaults) && sample.refaults > hot_refaults);
}

Use use_of(const PolicyInput& input, Duration calm) {
  Use use;
  std::optional<std::pair<Instant, double>> base;
  for (const GuestSample& sample : input.samples) {
    const auto used = used_of(sample);
    if (!used || sample.at > input.now) continue;
    const Duration age = input.now - sample.at;
    if (age >= calm) use.covers_calm = true;
    if (age <= calm) {
      use.peak = std::max(use.peak, *used);
      use.hot = use.hot || presses(sample);
    }
    if (age <= growth_window && !base) base = {sample.at, *used};
    if (age > stale) continue;
    use.newest = &sample;
    use.now = *used;
    if (base && sample.at > base->first) use.growth = std::max(0.0, (*used - base->second) / seconds(sample.at - base->first));
  }
  return use;
}

std::string text_of(const char* format, double a, double b, double c) {
  char text[192];
  std::snprintf(text, sizeof text, format, a, b, c);
  return text;
}

}  // namespace

Wish memory_wish(const PolicyInput& input, const PressureOptions& options) {
  const Use use = use_of(input, options.calm);
  const double have = static_cast<double>(input.using_now.memory.value);
  if (!use.newest) return {false, have, "memory.unknown", "no fresh sample tells the memory in use"};
  // The kernel's own part of the VM is not in MemTotal: page structs and the image. It stays in use at every size.
  const double unseen = std::max(0.0, have - static_cast<double>(use.newest->memory_total.value));
  const double kernel = std::min(unseen, have * 0.1);
  const double soon = use.now + kernel + use.growth * lead;
  Wish wish{true, soon / options.memory_target, "memory.use",
            text_of("%.0f MiB in use, %.0f MiB soon; has %.0f MiB", in_mib(use.now + kernel), in_mib(soon), in_mib(have))};
  if (presses(*use.newest) && have * 1.25 > wish.amount) {
    wish = {true, have * 1.25, "memory.pressure", text_of("the guest waits for memory (stalled %.2f, %.0f refaults/s): a quarter more than %.0f MiB",
            is_known(use.newest->memory.some) ? use.newest->memory.some : 0, is_known(use.newest->refaults) ? use.newest->refaults : 0, in_mib(have))};
  }
  if (input.request && input.now - input.request->at < request_valid) {
    const double asked = input.request->memory.value == 0 ? have * 1.25 : static_cast<double>(input.request->memory.value);
    if (asked > wish.amount) wish = {true, asked, "memory.request", text_of("the guest asks for %.0f MiB (%.0f MiB in use); has %.0f MiB", in_mib(asked), in_mib(use.now), in_mib(have))};
  }
  if (wish.amount > have) return wish;
  const double peak = (use.peak + kernel) / options.memory_target;
  const double calm_for = seconds(options.calm);
  if (!use.covers_calm) return {true, have, "memory.wait", text_of("%.0f MiB in use; not watched for %.0f s yet (has %.0f MiB)", in_mib(use.now), calm_for, in_mib(have))};
  if (use.hot) return {true, have, "memory.hot", text_of("%.0f MiB in use, and it was waited for within %.0f s: keeping %.0f MiB", in_mib(use.now), calm_for, in_mib(have))};
  if (peak >= have * (1 - options.step_down)) return {true, have, "memory.keep", text_of("%.0f MiB at the most in %.0f s: worth keeping %.0f MiB", in_mib(use.peak), calm_for, in_mib(have))};
  return {true, peak, "memory.calm", text_of("%.0f MiB at the most in %.0f s, with air %.0f MiB", in_mib(use.peak), calm_for, in_mib(peak))};
}

}  // namespace neonvm::policy_pressure
