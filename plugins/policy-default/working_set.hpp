// working_set: from a file cache's working set over the last 1, 2, 3, … minutes to its size soon (autoscaling.md 2.2).
//
// The working set is taken to be the plateau before a sharp bend: a longer look back that suddenly adds much more shows
// an older, different workload. Called by default_policy. Pure. REQUIRES every value finite and >= 0.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace neonvm::policy_default {

struct WindowSettings {
  std::int64_t window = 5;          // slope over so many points; >= 2
  std::int64_t min_wait = 5;        // smallest window considered, in minutes; >= window
  bool use_largest = false;         // the longest window instead of the plateau
};

struct WorkingSet {
  double estimate = 0;              // pages now
  double next = 0;                  // pages expected soon
};

// None: too few windows.
std::optional<WorkingSet> working_set(std::span<const double> pages, const WindowSettings& settings);

// The first value from `offset` on behind which the slope grows by more than `factor`; the last value if there is none.
// REQUIRES window >= 2, offset >= window - 1, pages not empty.
double estimate(std::span<const double> pages, std::size_t offset, std::size_t window, double factor);

// The highest of all values, each carried on by its last step times `horizon`. REQUIRES pages not empty.
double project(std::span<const double> pages, double horizon);

}  // namespace neonvm::policy_default
