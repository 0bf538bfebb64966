#include "plugins/policy-lua/script.hpp"

#include <cstring>
#include <lua.hpp>

namespace neonvm::policy_lua {
namespace {

constexpr const char* decide_name = "neonvm.decide";
constexpr const char* states_name = "neonvm.states";

// Leaves the table kept for this VM on the stack.
void push_state(lua_State* lua, std::string_view vm) {
  lua_getfield(lua, LUA_REGISTRYINDEX, states_name);
  lua_pushlstring(lua, vm.data(), vm.size());
  if (lua_rawget(lua, -2) == LUA_TNIL) {
    lua_pop(lua, 1);
    lua_newtable(lua);
    lua_pushlstring(lua, vm.data(), vm.size());
    lua_pushvalue(lua, -2);
    lua_rawset(lua, -4);
  }
  lua_remove(lua, -2);
}

}  // namespace

Result<std::unique_ptr<Script>> Script::open(const LuaOptions& options, const std::string& text) {
  const std::string name = options.script.substr(options.script.rfind('/') + 1);
  std::unique_ptr<Script> script(new Script(options, name));
  const std::string chunk = "@" + name;
  Load load{script.get(), text.data(), text.size(), chunk.c_str()};
  if (Status status = script->sandbox_.run(&Script::load, &load); !status) return status.error();
  return script;
}

int Script::load(lua_State* lua) {
  const Load& load = *static_cast<const Load*>(lua_touserdata(lua, 1));
  open_sample_view(lua, &load.script->window_);
  lua_pushlightuserdata(lua, load.script);
  lua_pushcclosure(lua, &Script::explain, 1);
  lua_setglobal(lua, "explain");
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, states_name);
  // "t": text only. Bytecode could be made to crash the program.
  if (luaL_loadbufferx(lua, load.text, load.length, load.name, "t") != LUA_OK) return lua_error(lua);
  lua_call(lua, 0, 0);
  if (lua_getglobal(lua, "decide") != LUA_TFUNCTION) {
    return luaL_error(lua, "%s: has no function decide(vm)", load.name + 1);
  }
  lua_setfield(lua, LUA_REGISTRYINDEX, decide_name);
  return 0;
}

Status Script::decide(const PolicyInput& input) {
  window_ = {input.samples, input.now, window_.decision + 1};
  input_ = &input;
  answer_ = {};
  explanations_.count = 0;
  Status status = sandbox_.run(&Script::call, this);
  ++window_.decision;  // what the script kept of it is dead
  input_ = nullptr;
  if (sandbox_.out_of_memory()) {
    if (Status forgotten = sandbox_.run(&Script::forget, this); !forgotten) return forgotten;
  }
  return status;
}

int Script::call(lua_State* lua) {
  auto& script = *static_cast<Script*>(lua_touserdata(lua, 1));
  lua_getfield(lua, LUA_REGISTRYINDEX, decide_name);
  push_vm(lua, *script.input_);
  push_samples(lua, script.window_);
  lua_setfield(lua, -2, "samples");
  push_state(lua, script.input_->vm);
  lua_setfield(lua, -2, "state");
  lua_call(lua, 1, 3);
  read_answer(lua, lua_gettop(lua) - 2, script.answer_);
  return 0;
}

int Script::explain(lua_State* lua) {
  auto& all = static_cast<Script*>(lua_touserdata(lua, lua_upvalueindex(1)))->explanations_;
  const char* text = luaL_checkstring(lua, 1);
  if (all.count == Explanations::most) return luaL_error(lua, "explain: more than 12 reasons in one decision");
  char* to = all.texts[all.count++].data();
  std::strncpy(to, text, longest_text - 1);
  to[longest_text - 1] = '\0';
  return 0;
}

int Script::forget(lua_State* lua) {
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, states_name);
  lua_gc(lua, LUA_GCCOLLECT);
  return 0;
}

}  // namespace neonvm::policy_lua
