#include "plugins/policy-schedule/schedule_policy.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"
#include "core/policy/options.hpp"

namespace neonvm::policy_schedule {
namespace {

using policy::in_mib;
using policy::Line;
using namespace std::chrono_literals;

// What the rules that hold ask for together.
struct Ranges {
  Resources least{};
  Resources most{MilliCpu{UINT32_MAX}, Bytes{UINT64_MAX}};

  void add(const Rule& rule) {
    least = field_max(least, {rule.least_cpu.value_or(MilliCpu{0}), rule.least_memory.value_or(Bytes{0})});
    most = field_min(most, {rule.most_cpu.value_or(most.cpu), rule.most_memory.value_or(most.memory)});
  }
  [[nodiscard]] Resources applied(const Resources& wish) const { return field_max(field_min(wish, most), least); }
};

template <typename T, typename Show>
void say_range(Line& line, const char* what, const std::optional<T>& least, const std::optional<T>& most, Show show) {
  if (!least && !most) return;
  line << what;
  if (least) line << show(*least);
  if (least != most) line << "..";
  if (most && least != most) line << show(*most);
}

Line describe(const Rule& rule) {
  Line line;
  line << "rule " << rule.name << " holds:";
  say_range(line, " CPUs ", rule.least_cpu, rule.most_cpu, [](MilliCpu c) { return c.cpus(); });
  say_range(line, " MiB ", rule.least_memory, rule.most_memory, [](Bytes b) { return in_mib(b); });
  return line;
}

}  // namespace

Result<ScheduleOptions> read_options(const std::map<std::string, std::string>& settings) {
  ScheduleOptions options;
  std::string zone = "UTC";
  policy::OptionReader read(settings, "schedule");
  read.text("zone", zone);
  read.duration("lead", options.lead, 0s, 6h);
  read.text("of", options.of);
  options.of_settings = read.group("of");
  for (const auto& [name, text] : read.group("rule")) {
    auto rule = parse_rule(name, text);
    if (rule) options.rules.push_back(std::move(rule).value());
    else read.refuse("rule." + name, rule.error().message);
  }
  if (const auto offset = parse_offset(zone)) options.offset = *offset;
  else read.refuse("zone", "\"" + zone + "\" is not UTC or an offset from it from -14:00 to +14:00, such as +02:00");
  if (options.rules.empty()) read.refuse("rule.NAME", "give at least one, such as \"rule.office=mon-fri 08:00-18:00 cpus=4..\"");
  if (Status status = read.done(); !status) return status.error();
  return options;
}

Result<std::unique_ptr<SchedulePolicy>> SchedulePolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  auto of = options.host.open_policy(read->of, read->of_settings);
  if (!of) return of.error().at("of");
  return std::make_unique<SchedulePolicy>(std::move(*read), std::move(*of));
}

Status SchedulePolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  if (Status status = of_->decide_into(input, inner_); !status) return status;
  goal.wish = inner_.wish;
  goal.complete = inner_.complete;
  goal.ask_again = inner_.ask_again;
  reasons_.pass_on(goal, inner_);
  apply(input, goal);
  return {};
}

void SchedulePolicy::apply(const PolicyInput& input, Goal& goal) {
  if (input.wall_seconds <= 0) {
    goal.complete = false;
    goal.wish = policy::settled(goal.wish, false, input);
    return reasons_.say(goal, "schedule.no-clock", "the time of day is not known: no rule holds, no shrinking");
  }
  const std::int64_t lead = options_.lead / 1s;
  const std::int64_t now = second_of_week(input.wall_seconds, options_.offset);
  const std::int64_t ahead = second_of_week(input.wall_seconds % (std::int64_t{1} << 40) + lead, options_.offset);
  Ranges ranges;
  bool any = false;
  std::int64_t change = std::int64_t{week_minutes} * 60;
  for (const Rule& rule : options_.rules) {
    change = std::min({change, rule.span.until_change(now), rule.span.until_change(ahead)});
    if (!rule.span.holds(now) && !rule.span.holds(ahead)) continue;
    any = true;
    ranges.add(rule);
    reasons_.say(goal, "schedule", describe(rule));
  }
  if (!any) reasons_.say(goal, "schedule.none", "no rule holds now");
  const Resources wish = ranges.applied(goal.wish);
  if (wish != goal.wish) goal.compute_units = 0;
  goal.wish = policy::settled(wish, goal.complete, input);
  if (any && goal.wish != wish) {
    reasons_.say(goal, "schedule.bounds", Line() << "the VM's bounds allow " << goal.wish.cpu.cpus() << " CPUs, "
                                                 << in_mib(goal.wish.memory) << " MiB");
  }
  goal.ask_again = std::min<Duration>(goal.ask_again.value_or(24h), std::chrono::seconds(change));
}

}  // namespace neonvm::policy_schedule
