#include "plugins/policy-forecast/forecast_policy.hpp"

#include <algorithm>

#include "core/policy/demand.hpp"
#include "core/policy/figures.hpp"

namespace neonvm::policy_forecast {
namespace {

using policy::Figure;
using policy::Line;
using namespace std::chrono_literals;

constexpr std::int64_t day = 86400;
constexpr std::int64_t latest = std::int64_t{1} << 40;  // a wall clock beyond this is broken

}  // namespace

Result<std::unique_ptr<ForecastPolicy>> ForecastPolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  auto of = options.host.open_policy(read->of, read->of_settings);
  if (!of) return of.error().at("of");
  return std::make_unique<ForecastPolicy>(std::move(*read), std::move(*of));
}

void ForecastPolicy::learn(const PolicyInput& input, History& history) {
  if (!history.cpu) {
    const std::int64_t season = options_.weekly ? 7 * day : day;
    history.cpu.emplace(season, options_.slot / 1s, options_.weight);
    history.memory.emplace(season, options_.slot / 1s, options_.weight);
  }
  // A monotonic clock that went back says nothing about the days before.
  if (history.any && input.now < history.now) history.any = false;
  history.now = input.now;
  for (const GuestSample& sample : input.samples) {
    const auto old = policy::age(sample.at, input.now);
    if (!old || (history.any && sample.at <= history.seen)) continue;
    history.any = true;
    history.seen = sample.at;
    const std::int64_t wall = input.wall_seconds - *old / 1s;
    if (const auto wanted = policy::cpu_demand(sample)) history.cpu->add(wall, *wanted);
    if (const auto need = policy::memory_need(sample)) history.memory->add(wall, *need);
  }
}

double ForecastPolicy::expect(const Season& season, const PolicyInput& input, const Side& side, Goal& goal) {
  const std::int64_t now = input.wall_seconds;
  const auto prediction = season.predict(now, now + options_.lead / 1s, options_.seasons);
  if (!prediction) {
    reasons_.say(goal, "forecast.learning", Line() << side.what << ": this hour was not seen " << options_.seasons
                                                   << " times yet");
    return 0;
  }
  const auto show = [&](double amount) { return Figure{amount / side.shown, 4}; };
  if (prediction->error > options_.distrust * prediction->height) {
    reasons_.say(goal, "forecast.distrust", Line() << side.what << ": forecasts are off by " << show(prediction->error)
                                                   << " of " << show(prediction->height) << side.unit);
    return 0;
  }
  const double high = prediction->amount + options_.deviations * prediction->error;
  reasons_.say(goal, side.rule, Line() << "within " << seconds(options_.lead) / 60 << " min usually "
                                       << show(prediction->amount) << side.unit << ", give or take "
                                       << show(prediction->error) << ": with air " << show(high / side.target));
  return high / side.target;
}

void ForecastPolicy::raise(const PolicyInput& input, const History& history, Goal& goal) {
  const Side cpu{"forecast.cpu", "CPU", options_.cpu_target, 1, " CPUs"};
  const Side memory{"forecast.memory", "memory", options_.memory_target, static_cast<double>(mib), " MiB"};
  const Resources expected{policy::milli_cpu(expect(*history.cpu, input, cpu, goal)),
                           policy::bytes(expect(*history.memory, input, memory, goal))};
  const Resources wish = field_max(goal.wish, expected);
  if (wish != goal.wish) goal.compute_units = 0;
  goal.wish = policy::settled(wish, goal.complete, input);
  if (exceeds_somewhere(expected, goal.wish)) {
    reasons_.say(goal, "forecast.bounds", Line() << "the VM's bounds allow " << goal.wish.cpu.cpus() << " CPUs, "
                                                 << policy::in_mib(goal.wish.memory) << " MiB");
  }
}

Status ForecastPolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  if (Status status = of_->decide_into(input, inner_); !status) return status;
  goal.wish = inner_.wish;
  goal.complete = inner_.complete;
  goal.compute_units = inner_.compute_units;
  goal.ask_again = std::min<Duration>(inner_.ask_again.value_or(1min), 1min);
  reasons_.pass_on(goal, inner_);
  if (input.wall_seconds <= 0 || input.wall_seconds > latest) {
    reasons_.say(goal, "forecast.no-clock", "the time of day is not known: nothing to forecast by");
    goal.wish = policy::settled(goal.wish, goal.complete, input);
    return {};
  }
  History& history = histories_.at(input.vm);
  learn(input, history);
  raise(input, history, goal);
  return {};
}

}  // namespace neonvm::policy_forecast
