#include "plugins/policy-default/readings.hpp"

#include <algorithm>

namespace neonvm::policy_default {

using policy::age;
using policy::in_seconds;

Missing missing_of(std::span<const GuestSample> samples, Instant now, const char* what) {
  Missing missing{what, !samples.empty(), std::nullopt};
  if (missing.any) missing.age = age(samples.back().at, now);
  if (missing.age && *missing.age <= max_age) missing.age.reset();
  return missing;
}

policy::Line Missing::line() const {
  policy::Line why;
  if (!any) return why << "no sample yet, so no " << what;
  if (!age) return why << "no sample of the last " << in_seconds(max_age) << " s tells a usable " << what;
  return why << "the newest sample is " << policy::Decimals{seconds(*age), 0} << " s old, above the limit of "
             << in_seconds(max_age) << " s, so no " << what;
}

std::optional<Bytes> read_cached_memory(std::span<const GuestSample> samples, Instant now) {
  return newest<Bytes>(samples, now, [](const GuestSample& s) -> std::optional<Bytes> {
    if (!is_known(s.memory_cached)) return std::nullopt;
    return s.memory_cached;
  });
}

std::optional<std::span<const double>> read_working_set(std::span<const GuestSample> samples, Instant now) {
  using Pages = std::span<const double>;
  return newest<Pages>(samples, now, [](const GuestSample& s) -> std::optional<Pages> {
    const Pages pages = s.working_set_pages;
    if (pages.empty() || !std::all_of(pages.begin(), pages.end(), makes_sense)) return std::nullopt;
    return pages;
  });
}

}  // namespace neonvm::policy_default
