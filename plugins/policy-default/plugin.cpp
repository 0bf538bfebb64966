#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-default/default_policy.hpp"

NEONVM_PLUGIN(default, policy, neonvm::policy_default::DefaultPolicy);
