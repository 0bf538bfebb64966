#include "core/plugin/plugin_sdk.hpp"
#include "plugins/policy-lua/lua_policy.hpp"

NEONVM_PLUGIN(lua, policy, neonvm::policy_lua::LuaPolicy);
