#include "core/simulate/timeline.hpp"

namespace neonvm::simulate {
namespace {

void add_to(TimePoint& sum, const TimePoint& p) {
  sum.cpu_granted += p.cpu_granted, sum.cpu_needed += p.cpu_needed;
  sum.memory_granted += p.memory_granted, sum.memory_needed += p.memory_needed;
  sum.vms += p.vms;
}

TimePoint mean(TimePoint sum, double count) {
  sum.cpu_granted /= count, sum.cpu_needed /= count;
  sum.memory_granted /= count, sum.memory_needed /= count;
  sum.vms /= count;
  return sum;
}

}  // namespace

void Timeline::add(const TimePoint& point) {
  if (in_sum_ == 0) sum_ = {.at = point.at};
  add_to(sum_, point);
  if (++in_sum_ < per_point_) return;
  points_.push_back(mean(sum_, static_cast<double>(in_sum_)));
  in_sum_ = 0;
  if (points_.size() < timeline_points) return;
  std::vector<TimePoint> halved;
  halved.reserve(timeline_points);
  for (std::size_t i = 0; i + 1 < points_.size(); i += 2) {
    TimePoint both = points_[i];
    add_to(both, points_[i + 1]);
    halved.push_back(mean(both, 2));
  }
  points_ = std::move(halved);
  per_point_ *= 2;
}

std::vector<TimePoint> Timeline::points() const {
  std::vector<TimePoint> all = points_;
  if (in_sum_ != 0) all.push_back(mean(sum_, static_cast<double>(in_sum_)));
  return all;
}

}  // namespace neonvm::simulate
