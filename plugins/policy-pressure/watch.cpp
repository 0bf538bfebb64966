#include "plugins/policy-pressure/watch.hpp"

#include <algorithm>

#include "core/policy/demand.hpp"
#include "core/policy/figures.hpp"

namespace neonvm::policy_pressure {
namespace {

constexpr Duration growth_window = std::chrono::seconds(3);

double or_zero(double figure) { return policy::is_sane(figure) ? figure : 0; }

}  // namespace

void VmWatch::take(const PolicyInput& input, const PressureOptions& options) {
  if (any_ && input.now < now_) *this = VmWatch();
  now_ = input.now;
  for (const GuestSample& sample : input.samples) {
    if (sample.at > input.now || (any_ && sample.at <= seen_)) continue;
    any_ = true;
    seen_ = sample.at;
    take(sample, options);
  }
  any_ = true;
}

void VmWatch::take(const GuestSample& sample, const PressureOptions& options) {
  if (const auto wanted = policy::cpu_demand(sample)) {
    // Air for what is busy. Tasks that wait need none: one CPU each is all that they can use.
    const double busy = std::min(sample.cpu_used / options.cpu_target, sample.cpu_used + 1);
    cpu.add(sample.at, std::max(*wanted, busy), options.calm);
  }
  take_memory(sample, options.calm);
  stall.waits = policy::waits_for_memory(sample);
  stall.some = or_zero(sample.memory.some);
  stall.refaults = or_zero(sample.refaults);
  stall.swapped_in = or_zero(sample.swapped_in);
  stall.killed = oom_kills_ && sample.oom_kills > *oom_kills_;
  oom_kills_ = sample.oom_kills;
  if (stall.waits || stall.killed) hot_ = sample.at;
}

void VmWatch::take_memory(const GuestSample& sample, Duration calm) {
  const auto need = policy::memory_need(sample);
  if (!need) return;
  memory.add(sample.at, *need, calm);
  total = static_cast<double>(sample.memory_total.value);
  cache = policy::file_cache(sample);
  if (point_count_ == points_.size()) std::move(points_.begin() + 1, points_.end(), points_.begin());
  else ++point_count_;
  points_[point_count_ - 1] = {sample.at, *need};
}

double VmWatch::growth(Instant now) const {
  if (point_count_ == 0) return 0;
  const Point& newest = points_[point_count_ - 1];
  for (std::size_t i = 0; i + 1 < point_count_; ++i) {
    if (!policy::is_fresh(points_[i].at, now, growth_window)) continue;
    const auto apart = policy::age(points_[i].at, newest.at);
    // Two samples at nearly the same moment tell no rate.
    if (!apart || *apart < std::chrono::milliseconds(50)) continue;
    return std::max(0.0, (newest.need - points_[i].need) / seconds(*apart));
  }
  return 0;
}

bool VmWatch::hot(Instant now, Duration calm) const { return hot_ && policy::is_fresh(*hot_, now, calm); }

}  // namespace neonvm::policy_pressure
