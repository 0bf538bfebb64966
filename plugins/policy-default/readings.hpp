// readings: which of the samples count: for each figure the newest one that is not older than `max_age` and makes sense.
//
// As upstream, a broken sample leaves the one before it in force; unlike upstream, not for ever. Called by
// default_policy. Pure. Why a figure is missing is asked apart, for people. Samples ahead of `now` do not count.
#pragma once

#include <cmath>
#include <optional>
#include <span>

#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
#include "core/policy/figures.hpp"
#include "core/policy/line.hpp"

namespace neonvm::policy_default {

constexpr Duration max_age = std::chrono::seconds(60);

// Why there is no value; written out only when somebody reads it.
struct Missing {
  const char* what = "";            // "load average"
  bool any = false;                 // there are samples
  std::optional<Duration> age;      // of the newest, if that is too old
  [[nodiscard]] policy::Line line() const;
};

struct Load {
  double load1 = 0, load5 = 0;
};

constexpr const char* load_average = "load average";
constexpr const char* memory_usage = "memory usage";
constexpr const char* page_cache = "size of the page cache";
constexpr const char* cache_working_set = "working set of the file cache";

// Why there is no `what`, one of these.
Missing missing_of(std::span<const GuestSample> samples, Instant now, const char* what);

inline bool makes_sense(double x) { return std::isfinite(x) && x >= 0; }

// `take` answers the figure, or none when this sample has no usable one. Here, because simulate asks a hundred million times.
template <typename T, typename Take>
std::optional<T> newest(std::span<const GuestSample> samples, Instant now, Take take) {
  for (std::size_t i = samples.size(); i-- > 0;) {
    const auto old = policy::age(samples[i].at, now);
    if (!old) continue;
    if (*old > max_age) break;
    if (std::optional<T> value = take(samples[i])) return value;
  }
  return std::nullopt;
}

inline std::optional<Load> read_load(std::span<const GuestSample> samples, Instant now) {
  return newest<Load>(samples, now, [](const GuestSample& s) -> std::optional<Load> {
    if (!makes_sense(s.load1) || !makes_sense(s.load5)) return std::nullopt;
    return Load{s.load1, s.load5};
  });
}

inline std::optional<Bytes> read_used_memory(std::span<const GuestSample> samples, Instant now) {
  return newest<Bytes>(samples, now, [](const GuestSample& s) -> std::optional<Bytes> {
    if (!is_known(s.memory_total) || !is_known(s.memory_available) || s.memory_available > s.memory_total) {
      return std::nullopt;
    }
    return memory_used_by_upstream(s);
  });
}

std::optional<Bytes> read_cached_memory(std::span<const GuestSample> samples, Instant now);
std::optional<std::span<const double>> read_working_set(std::span<const GuestSample> samples, Instant now);

}  // namespace neonvm::policy_default
