#include "plugins/policy-budget/account.hpp"

#include <algorithm>

#include "core/policy/figures.hpp"

namespace neonvm::policy_budget {
namespace {

double hours(Duration time) { return seconds(time) / 3600; }

// Where `now` lies in its period.
struct Place {
  std::int64_t number;
  Duration into;
};

Place place_of(const PolicyInput& input, Duration period) {
  const std::int64_t length = std::max<std::int64_t>(1, period / std::chrono::seconds(1));
  std::int64_t second = input.wall_seconds;
  if (second <= 0) second = std::max<std::int64_t>(0, input.now.time_since_epoch() / std::chrono::seconds(1));
  return {second / length, std::chrono::seconds(second % length)};
}

}  // namespace

Balance Account::book(const PolicyInput& input, const BudgetOptions& options) {
  const Place place = place_of(input, options.period);
  const Duration left = options.period - place.into;
  const double units = policy::units_of(input.using_now, input.compute_unit);
  Duration booked = any_ ? policy::age(last_, input.now).value_or(Duration{}) : Duration{};
  if (!any_) {
    allowed_ = options.cu_hours * (seconds(left) / seconds(options.period));
  } else if (place.number != period_) {
    used_ = 0;
    allowed_ = options.cu_hours;
    booked = std::min(booked, place.into);
  }
  used_ += std::max(units, last_units_) * hours(booked);
  any_ = true;
  last_ = input.now;
  last_units_ = units;
  period_ = place.number;

  const double least = policy::units_of(input.min, input.compute_unit);
  const double spare = allowed_ - used_ - least * hours(left);
  const Duration spend_over = std::max<Duration>(std::min(options.hold, left), std::chrono::seconds(1));
  return {used_, allowed_, left, least + std::max(0.0, spare) / hours(spend_over), spare < 0};
}

}  // namespace neonvm::policy_budget
