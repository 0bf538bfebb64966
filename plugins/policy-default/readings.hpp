// readings: which of the samples count: for each figure the newest one that is not older than `max_age` and makes sense.
//
// As upstream, a broken sample leaves the one before it in force; unlike upstream, not for ever. Called by
// default_policy. Pure. A figure that is missing says why, for people. Samples ahead of `now` do not count.
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

template <typename T>
struct Reading {
  std::optional<T> value;
  Missing missing;
};

struct Load {
  double load1 = 0, load5 = 0;
};

// Why there is none.
Missing missing_of(std::span<const GuestSample> samples, Instant now, const char* what);

inline bool makes_sense(double x) { return std::isfinite(x) && x >= 0; }

// `take` answers the figure, or none when this sample has no usable one. Here, because simulate asks a hundred million times.
template <typename T, typename Take>
Reading<T> newest(std::span<const GuestSample> samples, Instant now, const char* what, Take take) {
  for (std::size_t i = samples.size(); i-- > 0;) {
    const auto old = policy::age(samples[i].at, now);
    if (!old) continue;
    if (*old > max_age) break;
    if (std::optional<T> value = take(samples[i])) return {value, {}};
  }
  return {std::nullopt, missing_of(samples, now, what)};
}

inline Reading<Load> read_load(std::span<const GuestSample> samples, Instant now) {
  return newest<Load>(samples, now, "load average", [](const GuestSample& s) -> std::optional<Load> {
    if (!makes_sense(s.load1) || !makes_sense(s.load5)) return std::nullopt;
    return Load{s.load1, s.load5};
  });
}

inline Reading<Bytes> read_used_memory(std::span<const GuestSample> samples, Instant now) {
  return newest<Bytes>(samples, now, "memory usage", [](const GuestSample& s) -> std::optional<Bytes> {
    if (!is_known(s.memory_total) || !is_known(s.memory_available) || s.memory_available > s.memory_total) {
      return std::nullopt;
    }
    return memory_used_by_upstream(s);
  });
}

Reading<Bytes> read_cached_memory(std::span<const GuestSample> samples, Instant now);
Reading<std::span<const double>> read_working_set(std::span<const GuestSample> samples, Instant now);

}  // namespace neonvm::policy_default
