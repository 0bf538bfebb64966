#include "plugins/policy-default/readings.hpp"

#include <algorithm>
#include <cmath>

#include "core/policy/figures.hpp"

namespace neonvm::policy_default {
namespace {

using policy::age;
using policy::in_seconds;

bool makes_sense(double x) { return std::isfinite(x) && x >= 0; }

// `take` answers the figure, or none when this sample has no usable one.
template <typename T, typename Take>
Reading<T> newest(std::span<const GuestSample> samples, Instant now, const char* what, Take take) {
  for (auto sample = samples.rbegin(); sample != samples.rend(); ++sample) {
    const auto old = age(sample->at, now);
    if (!old) continue;
    if (*old > max_age) break;
    if (std::optional<T> value = take(*sample)) return {value, {}};
  }
  Missing missing{what, !samples.empty(), std::nullopt};
  if (missing.any) missing.age = age(samples.back().at, now);
  if (missing.age && *missing.age <= max_age) missing.age.reset();
  return {std::nullopt, missing};
}

}  // namespace

policy::Line Missing::line() const {
  policy::Line why;
  if (!any) return why << "no sample yet, so no " << what;
  if (!age) return why << "no sample of the last " << in_seconds(max_age) << " s tells a usable " << what;
  return why << "the newest sample is " << policy::Decimals{seconds(*age), 0} << " s old, above the limit of "
             << in_seconds(max_age) << " s, so no " << what;
}

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
