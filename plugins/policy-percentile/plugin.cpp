#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-percentile/percentile_policy.hpp"

NEONVM_PLUGIN(percentile, policy, neonvm::policy_percentile::PercentilePolicy);
