#include "plugins/policy-lua/sandbox.hpp"

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <lua.hpp>
#include <span>
#include <string_view>

namespace neonvm::policy_lua {
namespace {

constexpr int step = 100;                    // instructions between two looks at the allowance
constexpr std::size_t bytes_per_work = 32;   // taking memory is work, too: a loop over long strings must end in time

constexpr std::string_view base_names[] = {"_VERSION", "assert", "error", "ipairs", "math", "select", "string", "tonumber",
                                           "tostring", "type"};
constexpr std::string_view math_names[] = {"abs", "ceil", "cos", "exp", "floor", "fmod", "huge", "log", "max",
                                           "maxinteger", "min", "mininteger", "modf", "pi", "sin", "sqrt", "tan",
                                           "tointeger", "type", "ult"};
constexpr std::string_view string_names[] = {"byte", "char", "format", "len", "lower", "reverse", "sub", "upper"};

// Leaves only these names in the table on top of the stack.
void keep_only(lua_State* lua, std::span<const std::string_view> names) {
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);
    const char* key = lua_tostring(lua, -1);
    bool known = false;
    for (const std::string_view name : names) known = known || name == key;
    if (known) continue;
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_settable(lua, -4);  // clearing a field while walking is allowed
  }
}

Sandbox* owner(lua_State* lua) { return *static_cast<Sandbox**>(lua_getextraspace(lua)); }

}  // namespace

Sandbox::Sandbox(const LuaOptions& options, std::string name)
    : name_(std::move(name)), most_memory_(options.memory.value), most_work_(options.instructions) {
  lua_ = lua_newstate(&Sandbox::allocate, this);
  if (lua_ == nullptr) {
    opened_ = Error{Code::invalid_argument, "memory: too little to begin with; give 64Ki or more"};
    return;
  }
  *static_cast<Sandbox**>(lua_getextraspace(lua_)) = this;
  opened_ = run(&Sandbox::open_libraries, nullptr);
}

Sandbox::~Sandbox() {
  if (lua_ != nullptr) lua_close(lua_);
}

int Sandbox::open_libraries(lua_State* lua) {
  luaL_requiref(lua, LUA_GNAME, luaopen_base, 1);
  luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, 1);
  keep_only(lua, math_names);
  luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 1);
  keep_only(lua, string_names);
  lua_pushglobaltable(lua);
  keep_only(lua, base_names);
  for (const auto& [unit, bytes] : {std::pair{"KiB", kib}, std::pair{"MiB", mib}, std::pair{"GiB", gib}}) {
    lua_pushinteger(lua, static_cast<lua_Integer>(bytes));
    lua_setglobal(lua, unit);
  }
  lua_settop(lua, 0);
  return 0;
}

Status Sandbox::run(Function function, void* argument) {
  if (!opened_) return opened_;
  work_ = 0;
  refused_line_ = 0;
  out_of_memory_ = false;
  lua_settop(lua_, 0);
  lua_sethook(lua_, &Sandbox::count, LUA_MASKCOUNT, step);
  lua_pushcfunction(lua_, function);
  lua_pushlightuserdata(lua_, argument);
  const int code = lua_pcall(lua_, 1, 0, 0);
  lua_sethook(lua_, nullptr, 0, 0);
  Status status = code == LUA_OK ? Status{} : raised(code);
  lua_settop(lua_, 0);
  return status;
}

Status Sandbox::raised(int code) {
  out_of_memory_ = code == LUA_ERRMEM;
  if (out_of_memory_) {
    return Error{Code::invalid_argument, name_ + ":" + std::to_string(refused_line_) + ": more than the " +
                                             std::to_string(most_memory_ / kib) + " KiB that it may hold"};
  }
  if (lua_type(lua_, -1) != LUA_TSTRING) {
    return Error{Code::invalid_argument, name_ + ": raised a " + luaL_typename(lua_, -1) + ", no text"};
  }
  return Error{Code::invalid_argument, lua_tostring(lua_, -1)};
}

void* Sandbox::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
  auto& sandbox = *static_cast<Sandbox*>(self);
  const std::size_t old = block == nullptr ? 0 : old_size;  // with no block it is a type, no size
  if (new_size == 0) {
    std::free(block);
    sandbox.memory_ -= old;
    return nullptr;
  }
  if (new_size > old && new_size - old > sandbox.most_memory_ - sandbox.memory_) {
    sandbox.note_line();
    return nullptr;
  }
  void* fresh = std::realloc(block, new_size);
  if (fresh == nullptr) return nullptr;
  sandbox.memory_ += new_size - old;
  if (new_size > old) sandbox.work_ += (new_size - old) / bytes_per_work;
  return fresh;
}

// The line is gone with the stack once Lua has raised the error. Neither call takes memory.
void Sandbox::note_line() {
  lua_Debug where;
  for (int level = 0; lua_ != nullptr && lua_getstack(lua_, level, &where) != 0; ++level) {
    lua_getinfo(lua_, "l", &where);
    if (where.currentline <= 0) continue;
    refused_line_ = where.currentline;
    return;
  }
}

void Sandbox::count(lua_State* lua, lua_Debug* where) {
  Sandbox& sandbox = *owner(lua);
  sandbox.work_ += step;
  if (sandbox.work_ <= sandbox.most_work_) return;
  lua_getinfo(lua, "Sl", where);
  lua_pushfstring(lua, "%s:%d: more than %d instructions in one decision", where->short_src, where->currentline,
                  static_cast<int>(sandbox.most_work_));
  lua_error(lua);
}

}  // namespace neonvm::policy_lua
