// ForecastPolicy: another policy's wish, raised before a peak that comes at this time of the day (or week).
//
// It never lowers the other's wish: a wrong forecast costs money, not speed. It counts once the season has been seen
// `seasons` times at the hour in question and its usual error is below `distrust` of its usual height; until then the
// other policy decides alone. Options: options.hpp; of=POLICY (pressure) and of.KEY=VALUE for that.
//
// Remembers each VM's seasons (bounded: core/policy/vm_memory) for as long as the policy lives; a restart learns anew.
// Failure: the other policy's errors. The wish is in the bounds. Reasons: the other policy's, then
// forecast.{cpu,memory,learning,distrust,no-clock}; limits that bit: forecast.bounds.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/line.hpp"
#include "core/policy/reasons.hpp"
#include "core/policy/vm_memory.hpp"
#include "plugins/policy-forecast/options.hpp"
#include "plugins/policy-forecast/season.hpp"

namespace neonvm::policy_forecast {

class ForecastPolicy final : public policy::InPlacePolicy {
 public:
  ForecastPolicy(ForecastOptions options, std::unique_ptr<Policy> of)
      : options_(std::move(options)), of_(std::move(of)) {}
  static Result<std::unique_ptr<ForecastPolicy>> open(const plugin::Options& options);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  struct History {
    Instant now{}, seen{};
    bool any = false;
    std::optional<Season> cpu, memory;
  };
  struct Side {
    const char *rule, *what;
    double target, shown;
    const char* unit;
  };

  void learn(const PolicyInput& input, History& history);
  // What the season asks for; 0 when it asks for nothing.
  double expect(const Season& season, const PolicyInput& input, const Side& side, Goal& goal);
  void raise(const PolicyInput& input, const History& history, Goal& goal);

  ForecastOptions options_;
  std::unique_ptr<Policy> of_;
  Goal inner_;
  policy::VmMemory<History> histories_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_forecast
