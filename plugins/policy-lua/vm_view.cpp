#include "plugins/policy-lua/vm_view.hpp"

#include <cmath>
#include <cstring>
#include <lua.hpp>

#include "core/policy/figures.hpp"

namespace neonvm::policy_lua {
namespace {

void set_number(lua_State* lua, const char* key, double value) {
  lua_pushnumber(lua, value);
  lua_setfield(lua, -2, key);
}

void set_size(lua_State* lua, const char* key, const Resources& size) {
  lua_createtable(lua, 0, 2);
  set_number(lua, "cpus", size.cpu.cpus());
  set_number(lua, "memory", static_cast<double>(size.memory.value));
  lua_setfield(lua, -2, key);
}

void set_request(lua_State* lua, const PolicyInput& input) {
  if (!input.request) return;
  const auto old = policy::age(input.request->at, input.now);
  if (!old) return;
  lua_createtable(lua, 0, 2);
  set_number(lua, "age", seconds(*old));
  set_number(lua, "memory", static_cast<double>(input.request->memory.value));
  lua_setfield(lua, -2, "request");
}

bool read_amount(lua_State* lua, int place, const char* what, double& to) {
  if (lua_isnoneornil(lua, place)) return false;
  if (lua_type(lua, place) != LUA_TNUMBER) {
    luaL_error(lua, "decide gave a %s as %s; give a number, or nil to keep it", luaL_typename(lua, place), what);
  }
  to = lua_tonumber(lua, place);
  if (!std::isfinite(to) || to < 0) {
    luaL_error(lua, "decide gave %f as %s; give a number of 0 or more, or nil to keep it", to, what);
  }
  return true;
}

}  // namespace

void push_vm(lua_State* lua, const PolicyInput& input) {
  lua_createtable(lua, 0, 11);
  lua_pushlstring(lua, input.vm.data(), input.vm.size());
  lua_setfield(lua, -2, "name");
  set_number(lua, "now", seconds(input.now.time_since_epoch()));
  if (input.wall_seconds > 0) set_number(lua, "wall", static_cast<double>(input.wall_seconds));
  set_size(lua, "has", input.using_now);
  set_size(lua, "min", input.min);
  set_size(lua, "max", input.max);
  set_size(lua, "unit", input.compute_unit);
  set_request(lua, input);
}

void read_answer(lua_State* lua, int first, Answer& answer) {
  answer.has_cpus = read_amount(lua, first, "CPUs", answer.cpus);
  answer.has_memory = read_amount(lua, first + 1, "memory", answer.memory);
  if (lua_isnoneornil(lua, first + 2)) return;
  if (lua_type(lua, first + 2) != LUA_TSTRING) {
    luaL_error(lua, "decide gave a %s as its reason; give a text", luaL_typename(lua, first + 2));
  }
  const char* why = lua_tostring(lua, first + 2);
  std::strncpy(answer.why, why, longest_text - 1);
}

}  // namespace neonvm::policy_lua
