#include "plugins/policy-percentile/usage.hpp"

#include <algorithm>

#include "core/policy/demand.hpp"
#include "core/policy/figures.hpp"

namespace neonvm::policy_percentile {
namespace {

constexpr double first_cpu = 0.01;
constexpr double first_memory = 10.0 * static_cast<double>(mib);
constexpr Duration stale = std::chrono::seconds(60);
// A value stands for the time since the one before, but for no more than this: what nobody saw does not count.
constexpr Duration longest_step = std::chrono::seconds(15);
constexpr double oom_share = 1.2;
constexpr double oom_least = 100.0 * static_cast<double>(mib);

}  // namespace

void Usage::take(const PolicyInput& input, const PercentileOptions& options) {
  if (any_ && input.now < now_) *this = Usage();
  now_ = input.now;
  if (!cpu) {
    cpu.emplace(first_cpu, options.half_life);
    memory.emplace(first_memory, options.half_life);
  }
  for (const GuestSample& sample : input.samples) {
    if (sample.at > input.now || (told_any_ && sample.at <= seen_)) continue;
    const Duration step =
        told_any_ ? std::min(policy::age(seen_, sample.at).value_or(Duration{}), longest_step) : std::chrono::seconds(1);
    seen_ = sample.at;
    told_any_ = true;
    watched_ += step;
    if (const auto wanted = policy::cpu_demand(sample)) {
      cpu->add(*wanted, seconds(step), sample.at);
      told_ = sample.at;
    }
    take_memory(sample, options);
  }
  any_ = true;
}

void Usage::take_memory(const GuestSample& sample, const PercentileOptions& options) {
  auto need = policy::memory_need(sample);
  if (!need) return;
  if (oom_kills_ && sample.oom_kills > *oom_kills_) need = std::max(*need * oom_share, *need + oom_least);
  oom_kills_ = sample.oom_kills;
  const auto into = interval_ ? policy::age(*interval_, sample.at) : std::nullopt;
  if (!into || *into >= options.memory_interval) {
    interval_ = sample.at;
    peak_ = 0;
  } else if (*need <= peak_) {
    return;
  } else {
    memory->remove(peak_, 1, peak_at_);
  }
  peak_ = *need;
  peak_at_ = *interval_;  // all of an interval counts as of its beginning
  memory->add(peak_, 1, peak_at_);
}

bool Usage::fresh(Instant now) const { return told_any_ && policy::is_fresh(told_, now, stale); }

}  // namespace neonvm::policy_percentile
