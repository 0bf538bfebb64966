// readings: which of the samples count: for each figure the newest one that is not older than `max_age` and makes sense.
//
// As upstream, a broken sample leaves the one before it in force; unlike upstream, not for ever. Called by
// default_policy. Pure. A figure that is missing says why, for people. Samples ahead of `now` do not count.
#pragma once

#include <optional>
#include <span>

#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
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

Reading<Load> read_load(std::span<const GuestSample> samples, Instant now);
Reading<Bytes> read_used_memory(std::span<const GuestSample> samples, Instant now);
Reading<Bytes> read_cached_memory(std::span<const GuestSample> samples, Instant now);
Reading<std::span<const double>> read_working_set(std::span<const GuestSample> samples, Instant now);

}  // namespace neonvm::policy_default
