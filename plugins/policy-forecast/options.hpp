// ForecastOptions: what can be set, as --policy forecast,KEY=VALUE.
#pragma once

#include "core/policy/options.hpp"

namespace neonvm::policy_forecast {

struct ForecastOptions {
  bool weekly = false;                            // season: day or week
  Duration slot = std::chrono::minutes(15);       // slot: how fine a season is told apart, 5m to 1h, a part of an hour
  Duration lead = std::chrono::minutes(10);       // lead: how far ahead it looks, 0s to 3h
  std::uint32_t seasons = 2;                      // seasons: so many must have been seen before it counts, 1 to 30
  double deviations = 1;                          // deviations: how many of the usual error on top, 0 to 5
  double weight = 0.4;                            // weight: of the newest season against those before, 0.05 to 1
  double cpu_target = 0.85;                       // cpu-target, memory-target: as of policy-pressure
  double memory_target = 0.75;
  double distrust = 0.5;                          // distrust: a usual error above this share counts as no forecast, 0.05 to 10
  std::string of = "pressure";
  policy::Settings of_settings;
};

Result<ForecastOptions> read_options(const policy::Settings& settings);

}  // namespace neonvm::policy_forecast
