#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-schedule/schedule_policy.hpp"

NEONVM_PLUGIN(schedule, policy, neonvm::policy_schedule::SchedulePolicy);
