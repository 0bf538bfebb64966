#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-fixed/fixed_policy.hpp"

NEONVM_PLUGIN(fixed, policy, neonvm::policy_fixed::FixedPolicy);
