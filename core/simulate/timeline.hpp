// Timeline: what a cluster had and needed over time, in bounded memory: when full, pairs of points become one.
//
// Filled by a World, read by the report. Threads: a value.
#pragma once

#include <cstddef>
#include <vector>

namespace neonvm::simulate {

constexpr std::size_t timeline_points = 720;

struct TimePoint {
  double at = 0;                                   // trace second
  double cpu_granted = 0, cpu_needed = 0;          // CPUs
  double memory_granted = 0, memory_needed = 0;    // bytes
  double vms = 0;
};

class Timeline {
 public:
  void add(const TimePoint& point);
  [[nodiscard]] std::vector<TimePoint> points() const;

 private:
  std::vector<TimePoint> points_;
  TimePoint sum_;
  std::size_t in_sum_ = 0, per_point_ = 1;
};

}  // namespace neonvm::simulate
