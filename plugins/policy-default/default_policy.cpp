#include "plugins/policy-default/default_policy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/policy-default/memory_goal.hpp"
#include "plugins/policy-default/readings.hpp"
#include "plugins/policy-default/rounding.hpp"
#include "plugins/policy-default/targets.hpp"

namespace neonvm::policy_default {
namespace {

using policy::Decimals;
using policy::Figure;
using policy::in_mib;
using policy::Line;

constexpr double page = 8192;

Decimals whole(double x) { return {x, 0}; }

// One decision under way: what each part asks for, and why.
class Deciding {
 public:
  Deciding(const PolicyInput& input, const Targets& targets, policy::Reasons& reasons, bool explains,
           Goal& goal)
      : input_(input), targets_(targets), reasons_(reasons), explains_(explains), goal_(goal) {}

  void run() {
    cpu();
    const std::optional<double> cache_bytes = targets_.use_cache ? cache() : std::nullopt;
    memory(cache_bytes);
    sum_up();
  }

 private:
  // The text is written only for who wants it: it costs more than the arithmetic does.
  template <typename Write>
  void say(const char* rule, Write write) {
    if (!explains_) return;
    Line line;
    write(line);
    reasons_.say(goal_, rule, line);
  }

  void missing(const char* what) {
    goal_.complete = false;
    if (explains_) reasons_.say(goal_, "missing-metrics", missing_of(input_.samples, input_.now, what).line());
  }

  void cpu() {
    const std::optional<Load> load = read_load(input_.samples, input_.now);
    if (!load) return missing(load_average);
    const CpuTargets& t = targets_.cpu;
    const CpuGoal goal = cpu_goal(load->load1, load->load5, t);
    cpu_units_ = rounded(goal.units);
    say("cpu.load1", [&](Line& line) {
      line << "load1 " << load->load1;
      if (goal.weight != 1 && load->load1 != load->load5) {
        line << " is near load5 " << load->load5 << ", so " << whole(goal.weight * 100) << "% of it: load "
             << goal.load;
      }
      line << " / " << Figure{t.fraction, 6} << " per CPU / " << Figure{t.cpus_per_unit, 6} << " CPU = " << goal.units
           << " CU, rounded " << whole(cpu_units_);
    });
  }

  // Bytes that the cache will want soon; none when that cannot be told.
  std::optional<double> cache() {
    const auto pages = read_working_set(input_.samples, input_.now);
    if (!pages) {
      missing(cache_working_set);
      return std::nullopt;
    }
    const WindowSettings& w = targets_.windows;
    const std::optional<WorkingSet> set = working_set(*pages, w);
    if (!set) {
      say("too-few-windows", [&](Line& line) {
        line << std::uint64_t{pages->size()} << " windows of the working set, but " << w.min_wait << " + "
             << w.window << " - 1 are needed";
      });
      return std::nullopt;
    }
    const double bytes = set->next * page;
    cache_units_ = bytes / targets_.cache_to_memory / static_cast<double>(input_.compute_unit.memory.value);
    say("cache.working_set", [&](Line& line) {
      line << "working set " << whole(set->estimate) << " pages, soon " << whole(set->next) << " = " << in_mib(bytes)
           << " MiB / " << Figure{targets_.cache_to_memory, 6} << " / " << in_mib(input_.compute_unit.memory)
           << " MiB = " << cache_units_ << " CU";
    });
    return bytes;
  }

  void memory(const std::optional<double>& cache_bytes) {
    const std::optional<Bytes> used = read_used_memory(input_.samples, input_.now);
    if (!used) return missing(memory_usage);
    const Bytes unit = input_.compute_unit.memory;
    const double by_usage = usage_units(*used, targets_.memory_usage, unit);
    memory_units_ = by_usage;
    say("memory.usage", [&](Line& line) {
      line << in_mib(*used) << " MiB in use / " << Figure{targets_.memory_usage, 6} << " / " << in_mib(unit)
           << " MiB = " << by_usage << " CU";
    });
    if (!cache_bytes) return;
    const std::optional<Bytes> cached = read_cached_memory(input_.samples, input_.now);
    if (!cached) return missing(page_cache);
    const double by_total = total_units(*used, *cached, *cache_bytes, targets_.memory_total, unit);
    memory_units_ = std::max(by_usage, by_total);
    say("memory.total", [&](Line& line) {
      const double matters = std::min(*cache_bytes, static_cast<double>(cached->value));
      line << in_mib(*used) << " MiB in use + " << in_mib(matters) << " MiB of cache that matters / "
           << Figure{targets_.memory_total, 6} << " / " << in_mib(unit) << " MiB = " << by_total << " CU";
    });
  }

  void sum_up() {
    const double most = std::ceil(std::max({cpu_units_, memory_units_, cache_units_}));
    constexpr double limit = std::numeric_limits<std::uint32_t>::max();
    goal_.compute_units = static_cast<std::uint32_t>(std::min(most, limit));
    goal_.wish = input_.compute_unit * goal_.compute_units;
    say("goal", [&](Line& line) {
      line << goal_.compute_units << " CU: the most of CPU " << cpu_units_ << ", memory " << memory_units_ << ", cache "
           << cache_units_ << ", rounded up" << (goal_.complete ? "" : "; incomplete, so no shrinking");
    });
  }

  const PolicyInput& input_;
  const Targets& targets_;
  policy::Reasons& reasons_;
  bool explains_;
  Goal& goal_;
  double cpu_units_ = 0, memory_units_ = 0, cache_units_ = 0;
};

}  // namespace

Status DefaultPolicy::learn(const PolicyInput& input) {
  if (input.config == nullptr) return Error{Code::invalid_argument, "the policy got no scaling configuration"};
  if (!targets_ || *input.config != targets_of_.config || input.compute_unit != targets_of_.unit) {
    targets_.reset();
    const Result<Targets> targets = targets_from(*input.config, input.compute_unit);
    if (!targets) return targets.error();
    targets_of_ = {*input.config, input.compute_unit};
    targets_ = *targets;
  }
  targets_of_.revision = input.config_revision;
  return {};
}

Status DefaultPolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  if (!knows(input)) {
    if (Status learned = learn(input); !learned) return learned;
  }
  Deciding(input, *targets_, reasons_, explains_, goal).run();
  return {};
}

}  // namespace neonvm::policy_default
