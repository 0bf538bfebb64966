#include "plugins/policy-percentile/percentile_policy.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"

namespace neonvm::policy_percentile {
namespace {

using policy::Figure;
using policy::in_seconds;
using policy::Line;

constexpr double least_days = 1.0 / 1440;  // a minute: before that the bounds would be without end

}  // namespace

Result<std::unique_ptr<PercentilePolicy>> PercentilePolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  return std::make_unique<PercentilePolicy>(*read);
}

double PercentilePolicy::wish(const DecayingHistogram& use, double days, double have, const Names& names, Goal& goal) {
  if (use.empty()) {
    goal.complete = false;
    reasons_.say(goal, names.unknown, "no sample has told it yet");
    return have;
  }
  const double air = 1 + options_.margin;
  const double target = use.percentile(options_.target) * air;
  const double lower = use.percentile(options_.lower) * air / (1 + 0.001 / days);
  const double upper = use.percentile(options_.upper) * air * (1 + 1 / days);
  const auto show = [&](double amount) { return Figure{amount / names.shown, 4}; };
  Line line;
  line << "p" << options_.target * 100 << " with " << options_.margin * 100 << "% on top is " << show(target)
       << names.unit << "; fine are " << show(lower) << " to " << show(upper) << ", has " << show(have);
  const bool keep = have >= lower && have <= upper;
  reasons_.say(goal, keep ? names.keep : names.percentile, line);
  return keep ? have : target;
}

Status PercentilePolicy::decide_into(const PolicyInput& input, Goal& goal) {
  constexpr Names cpu_names{"cpu.percentile", "cpu.keep", "cpu.unknown", 1, " CPUs"};
  constexpr Names memory_names{"memory.percentile", "memory.keep", "memory.unknown", static_cast<double>(mib), " MiB"};
  reasons_.begin(goal);
  Usage& usage = usages_.at(input.vm);
  usage.take(input, options_);
  const double days = std::max(least_days, seconds(usage.watched()) / 86400);
  goal.wish.cpu = policy::milli_cpu(wish(*usage.cpu, days, input.using_now.cpu.cpus(), cpu_names, goal));
  goal.wish.memory = policy::bytes(
      wish(*usage.memory, days, static_cast<double>(input.using_now.memory.value), memory_names, goal));
  if (!usage.fresh(input.now)) {
    goal.complete = false;
    reasons_.say(goal, "stale", "no sample of the last minute tells the CPU in use: no shrinking");
  } else if (usage.watched() < options_.warm_up) {
    goal.complete = false;
    reasons_.say(goal, "warm-up", Line() << "watched for " << in_seconds(usage.watched()) << " of "
                                         << in_seconds(options_.warm_up) << " s: no shrinking");
  }
  const Resources wish = goal.wish;
  goal.wish = policy::settled(wish, goal.complete, input);
  if (goal.wish != wish) {
    reasons_.say(goal, "bounds", Line() << "the VM's bounds allow " << goal.wish.cpu.cpus() << " CPUs, "
                                        << policy::in_mib(goal.wish.memory) << " MiB");
  }
  goal.ask_again = std::chrono::minutes(1);
  return {};
}

}  // namespace neonvm::policy_percentile
