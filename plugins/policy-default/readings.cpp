#include "plugins/policy-default/readings.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace neonvm::policy_default {
namespace {

bool makes_sense(double x) { return std::isfinite(x) && x >= 0; }

// `take` answers the figure, or none when this sample has no usable one.
template <typename T, typename Take>
Reading<T> newest(std::span<const GuestSample> samples, Instant now, const char* what, Take take) {
  char why[128];
  if (samples.empty()) {
    std::snprintf(why, sizeof why, "no sample yet, so no %s", what);
    return {std::nullopt, why};
  }
  const Duration age_of_newest = now - samples.back().at;
  if (age_of_newest > max_age) {
    std::snprintf(why, sizeof why, "the newest sample is %.0f s old, above the limit of %.0f s, so no %s",
                  seconds(age_of_newest), seconds(max_age), what);
    return {std::nullopt, why};
  }
  for (auto sample = samples.rbegin(); sample != samples.rend() && now - sample->at <= max_age; ++sample) {
    if (std::optional<T> value = take(*sample)) return {value, {}};
  }
  std::snprintf(why, sizeof why, "no sample of the last %.0f s tells a usable %s", seconds(max_age), what);
  return {std::nullopt, why};
}

}  // namespace

Reading<Load> read_load(std::span<const GuestSample> samples, Instant now) {
  return newest<Load>(samples, now, "load average", [](const GuestSample& s) -> std::optional<Load> {
    if (!makes_sense(s.load1) || !makes_sense(s.load5)) return std::nullopt;
    return Load{s.load1, s.load5};
  });
}

Reading<Bytes> read_used_memory(std::span<const GuestSample> samples, Instant now) {
  return newest<Bytes>(samples, now, "memory usage", [](const GuestSample& s) -> std::optional<Bytes> {
    if (!is_known(s.memory_total) || !is_known(s.memory_available) || s.memory_available > s.memory_total) {
      return std::nullopt;
    }
    return memory_used_by_upstream(s);
  });
}

Reading<Bytes> read_cached_memory(std::span<const GuestSample> samples, Instant now) {
  return newest<Bytes>(samples, now, "size of the page cache", [](const GuestSample& s) -> std::optional<Bytes> {
    if (!is_known(s.memory_cached)) return std::nullopt;
    return s.memory_cached;
  });
}

Reading<std::span<const double>> read_working_set(std::span<const GuestSample> samples, Instant now) {
  using Pages = std::span<const double>;
  return newest<Pages>(samples, now, "working set of the file cache", [](const GuestSample& s) -> std::optional<Pages> {
    const Pages pages = s.working_set_pages;
    if (pages.empty() || !std::all_of(pages.begin(), pages.end(), makes_sense)) return std::nullopt;
    return pages;
  });
}

}  // namespace neonvm::policy_default
