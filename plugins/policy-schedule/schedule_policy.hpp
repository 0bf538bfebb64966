// SchedulePolicy: rules by day and hour around another policy, whose wish they keep within their ranges.
//
// Options: rule.NAME=RULE (rule.hpp; at least one), zone=OFFSET from UTC (calendar.hpp), lead=TIME by which a rule begins
// early (0 to 6h), of=POLICY (pressure) and of.KEY=VALUE for that. Where rules that hold at once contradict each other, a
// least size beats a most size: a rule takes nothing away that another one promises.
//
// Keeps nothing itself. Failure: the other policy's errors. Without the time of day no rule holds and the VM does not
// shrink. The wish is in the bounds. Reasons: the other policy's, then schedule for each rule that holds,
// schedule.{none,no-clock}; limits that bit: schedule.bounds. Asks again when a rule begins or ends.
#pragma once

#include <memory>
#include <vector>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"
#include "plugins/policy-schedule/rule.hpp"

namespace neonvm::policy_schedule {

struct ScheduleOptions {
  std::vector<Rule> rules;
  int offset = 0;                               // minutes ahead of UTC
  Duration lead{};
  std::string of = "pressure";
  std::map<std::string, std::string> of_settings;
};

Result<ScheduleOptions> read_options(const std::map<std::string, std::string>& settings);

class SchedulePolicy final : public policy::InPlacePolicy {
 public:
  SchedulePolicy(ScheduleOptions options, std::unique_ptr<Policy> of)
      : options_(std::move(options)), of_(std::move(of)) {}
  static Result<std::unique_ptr<SchedulePolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  void apply(const PolicyInput& input, Goal& goal);

  ScheduleOptions options_;
  std::unique_ptr<Policy> of_;
  Goal inner_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_schedule
