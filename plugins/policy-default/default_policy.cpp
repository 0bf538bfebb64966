#include "plugins/policy-default/default_policy.hpp"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <limits>

#include "plugins/policy-default/memory_goal.hpp"
#include "plugins/policy-default/readings.hpp"
#include "plugins/policy-default/targets.hpp"

namespace neonvm::policy_default {
namespace {

constexpr double page = 8192;

double in_mib(double bytes) { return bytes / static_cast<double>(mib); }
double in_mib(Bytes bytes) { return in_mib(static_cast<double>(bytes.value)); }

// One decision under way: what each part asks for, and why.
class Deciding {
 public:
  Deciding(const PolicyInput& input, const Targets& targets) : input_(input), targets_(targets) {
    goal_.because.reserve(6);
  }

  Goal run() {
    cpu();
    const std::optional<double> cache_bytes = targets_.use_cache ? cache() : std::nullopt;
    memory(cache_bytes);
    sum_up();
    return std::move(goal_);
  }

 private:
  __attribute__((format(printf, 3, 4))) void say(const char* rule, const char* format, ...) {
    char text[224];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    goal_.because.push_back({rule, text});
  }

  void missing(const std::string& why) {
    goal_.complete = false;
    goal_.because.push_back({"missing-metrics", why});
  }

  void cpu() {
    const Reading<Load> load = read_load(input_.samples, input_.now);
    if (!load.value) return missing(load.missing);
    const CpuTargets& t = targets_.cpu;
    const CpuGoal goal = cpu_goal(load.value->load1, load.value->load5, t);
    cpu_units_ = std::round(goal.units);
    if (goal.weight == 1 || load.value->load1 == load.value->load5) {
      say("cpu.load1", "load1 %.4g / %g per CPU / %g CPU = %.4g CU, rounded %.10g", load.value->load1, t.fraction,
          t.cpus_per_unit, goal.units, cpu_units_);
    } else {
      say("cpu.load1", "load1 %.4g is near load5 %.4g, so %.0f%% of it: load %.4g / %g per CPU / %g CPU = %.4g CU, "
          "rounded %.10g", load.value->load1, load.value->load5, goal.weight * 100, goal.load, t.fraction,
          t.cpus_per_unit, goal.units, cpu_units_);
    }
  }

  // Bytes that the cache will want soon; none when that cannot be told.
  std::optional<double> cache() {
    const auto pages = read_working_set(input_.samples, input_.now);
    if (!pages.value) {
      missing(pages.missing);
      return std::nullopt;
    }
    const WindowSettings& w = targets_.windows;
    const std::optional<WorkingSet> set = working_set(*pages.value, w);
    if (!set) {
      say("too-few-windows", "%zu windows of the working set, but %lld + %lld - 1 are needed", pages.value->size(),
          static_cast<long long>(w.min_wait), static_cast<long long>(w.window));
      return std::nullopt;
    }
    const double bytes = set->next * page;
    cache_units_ = bytes / targets_.cache_to_memory / static_cast<double>(input_.compute_unit.memory.value);
    say("cache.working_set", "working set %.0f pages, soon %.0f = %.1f MiB / %g / %.1f MiB = %.4g CU", set->estimate,
        set->next, in_mib(bytes), targets_.cache_to_memory, in_mib(input_.compute_unit.memory), cache_units_);
    return bytes;
  }

  void memory(const std::optional<double>& cache_bytes) {
    const Reading<Bytes> used = read_used_memory(input_.samples, input_.now);
    if (!used.value) return missing(used.missing);
    const Bytes unit = input_.compute_unit.memory;
    const double by_usage = usage_units(*used.value, targets_.memory_usage, unit);
    memory_units_ = by_usage;
    say("memory.usage", "%.1f MiB in use / %g / %.1f MiB = %.4g CU", in_mib(*used.value), targets_.memory_usage,
        in_mib(unit), by_usage);
    if (!cache_bytes) return;
    const Reading<Bytes> cached = read_cached_memory(input_.samples, input_.now);
    if (!cached.value) return missing(cached.missing);
    const double by_total = total_units(*used.value, *cached.value, *cache_bytes, targets_.memory_total, unit);
    memory_units_ = std::max(by_usage, by_total);
    say("memory.total", "%.1f MiB in use + %.1f MiB of cache that matters / %g / %.1f MiB = %.4g CU",
        in_mib(*used.value), std::min(in_mib(*cache_bytes), in_mib(*cached.value)), targets_.memory_total, in_mib(unit),
        by_total);
  }

  void sum_up() {
    const double most = std::ceil(std::max({cpu_units_, memory_units_, cache_units_}));
    constexpr double limit = std::numeric_limits<std::uint32_t>::max();
    goal_.compute_units = static_cast<std::uint32_t>(std::min(most, limit));
    goal_.wish = input_.compute_unit * goal_.compute_units;
    say("goal", "%u CU: the most of CPU %.4g, memory %.4g, cache %.4g, rounded up%s", goal_.compute_units, cpu_units_,
        memory_units_, cache_units_, goal_.complete ? "" : "; incomplete, so no shrinking");
  }

  const PolicyInput& input_;
  const Targets& targets_;
  double cpu_units_ = 0, memory_units_ = 0, cache_units_ = 0;
  Goal goal_;
};

}  // namespace

Result<Goal> DefaultPolicy::decide(const PolicyInput& input) {
  if (input.config == nullptr) return Error{Code::invalid_argument, "the policy got no scaling configuration"};
  const Result<Targets> targets = targets_from(*input.config, input.compute_unit);
  if (!targets) return targets.error();
  return Deciding(input, *targets).run();
}

}  // namespace neonvm::policy_default
