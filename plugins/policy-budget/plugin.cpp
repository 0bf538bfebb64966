#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-budget/budget_policy.hpp"

NEONVM_PLUGIN(budget, policy, neonvm::policy_budget::BudgetPolicy);
