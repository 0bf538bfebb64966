#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-pressure/pressure_policy.hpp"

NEONVM_PLUGIN(pressure, policy, neonvm::policy_pressure::PressurePolicy);
