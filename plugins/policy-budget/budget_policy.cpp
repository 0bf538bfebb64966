#include "plugins/policy-budget/budget_policy.hpp"

#include <algorithm>
#include <cmath>

#include "core/policy/figures.hpp"
#include "core/policy/options.hpp"

namespace neonvm::policy_budget {
namespace {

using policy::in_mib;
using policy::Line;
using namespace std::chrono_literals;

constexpr double most_cu_hours = 1e7;

// The largest size of so many units, rounded down.
Resources size_of(double units, const Resources& unit) {
  constexpr double most = 1e9;
  const double n = std::min(units, most);
  return {MilliCpu{static_cast<std::uint32_t>(std::min(std::floor(n * unit.cpu.value + 1e-6), double{UINT32_MAX}))},
          Bytes{static_cast<std::uint64_t>(std::min(std::floor(n * static_cast<double>(unit.memory.value)), 1e18))}};
}

}  // namespace

Result<BudgetOptions> read_options(const std::map<std::string, std::string>& settings) {
  BudgetOptions options;
  policy::OptionReader read(settings, "budget");
  read.number("cu-hours", options.cu_hours, 0.001, most_cu_hours);
  read.duration("period", options.period, 1h, 24h * 366);
  read.duration("hold", options.hold, 10s, 24h);
  read.text("of", options.of);
  options.of_settings = read.group("of");
  if (!settings.contains("cu-hours")) read.refuse("cu-hours", "must be given, such as cu-hours=24 for one CU all day");
  if (Status status = read.done(); !status) return status.error();
  return options;
}

Result<std::unique_ptr<BudgetPolicy>> BudgetPolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  auto of = options.host.open_policy(read->of, read->of_settings);
  if (!of) return of.error().at("of");
  return std::make_unique<BudgetPolicy>(std::move(*read), std::move(*of));
}

Status BudgetPolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  if (input.compute_unit.cpu.value == 0 || input.compute_unit.memory.value == 0) {
    return Error{Code::invalid_argument,
                 "the compute unit is " + to_string(input.compute_unit) + "; a budget in CU-hours needs both"};
  }
  const Balance balance = accounts_.at(input.vm).book(input, options_);
  if (Status status = of_->decide_into(input, inner_); !status) return status;
  goal.wish = inner_.wish;
  goal.complete = inner_.complete;
  goal.ask_again = std::min<Duration>(inner_.ask_again.value_or(24h), options_.hold / 2);
  reasons_.pass_on(goal, inner_);
  reasons_.say(goal, "budget", Line() << balance.used << " of " << balance.allowed << " CU-hours used, "
                                      << seconds(balance.left) / 3600 << " h to go: at most " << balance.most_units
                                      << " CU");
  cut(input, balance, goal);
  return {};
}

void BudgetPolicy::cut(const PolicyInput& input, const Balance& balance, Goal& goal) {
  const Resources wish = policy::settled(goal.wish, goal.complete, input);
  const Resources most = size_of(balance.most_units, input.compute_unit);
  goal.wish = policy::settled(field_min(wish, most), goal.complete, input);
  if (goal.wish == wish) return;
  if (balance.too_small) {
    reasons_.say(goal, "budget.too-small", "the VM's least size alone uses more than what is left: it gets that");
  } else {
    reasons_.say(goal, "budget.limit", Line() << wish.cpu.cpus() << " CPUs, " << in_mib(wish.memory)
                                              << " MiB wanted; the budget allows " << goal.wish.cpu.cpus() << " CPUs, "
                                              << in_mib(goal.wish.memory) << " MiB");
  }
}

}  // namespace neonvm::policy_budget
