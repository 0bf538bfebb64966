#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-forecast/forecast_policy.hpp"

NEONVM_PLUGIN(forecast, policy, neonvm::policy_forecast::ForecastPolicy);
