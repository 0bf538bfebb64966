#include "plugins/policy-lua/sample_view.hpp"

#include <cmath>
#include <lua.hpp>
#include <string_view>

#include "core/policy/demand.hpp"

namespace neonvm::policy_lua {
namespace {

constexpr const char* list_type = "neonvm.samples";
constexpr const char* sample_type = "neonvm.sample";

double number(Bytes bytes) { return is_known(bytes) ? static_cast<double>(bytes.value) : absent; }

struct Field {
  std::string_view name;
  double (*read)(const GuestSample&);
};

#define NEONVM_FIELD(NAME) {#NAME, [](const GuestSample& s) { return s.NAME; }}
#define NEONVM_BYTES(NAME) {#NAME, [](const GuestSample& s) { return number(s.NAME); }}
#define NEONVM_PRESSURE(NAME) \
  {#NAME "_some", [](const GuestSample& s) { return s.NAME.some; }}, \
  {#NAME "_full", [](const GuestSample& s) { return s.NAME.full; }}, \
  {#NAME "_some_avg10", [](const GuestSample& s) { return s.NAME.some_avg10; }}, \
  {#NAME "_full_avg10", [](const GuestSample& s) { return s.NAME.full_avg10; }}

constexpr Field fields[] = {
    {"cpu_demand", [](const GuestSample& s) { return policy::cpu_demand(s).value_or(absent); }},
    {"memory_need", [](const GuestSample& s) { return policy::memory_need(s).value_or(absent); }},
    NEONVM_FIELD(cpu_used), NEONVM_FIELD(cpu_stolen), NEONVM_FIELD(runnable), NEONVM_FIELD(blocked),
    NEONVM_FIELD(load1), NEONVM_FIELD(load5), NEONVM_FIELD(load15), NEONVM_FIELD(interval),
    NEONVM_FIELD(refaults), NEONVM_FIELD(swapped_in),
    NEONVM_PRESSURE(cpu), NEONVM_PRESSURE(memory), NEONVM_PRESSURE(io),
    NEONVM_BYTES(memory_total), NEONVM_BYTES(memory_available), NEONVM_BYTES(memory_free), NEONVM_BYTES(memory_anon),
    NEONVM_BYTES(memory_file), NEONVM_BYTES(memory_cached), NEONVM_BYTES(memory_shmem), NEONVM_BYTES(slab_reclaimable),
    NEONVM_BYTES(slab_unreclaimable), NEONVM_BYTES(swap_total), NEONVM_BYTES(swap_free),
    {"online_cpus", [](const GuestSample& s) { return double(s.online_cpus); }},
    {"oom_kills", [](const GuestSample& s) { return double(s.oom_kills); }},
};

#undef NEONVM_FIELD
#undef NEONVM_BYTES
#undef NEONVM_PRESSURE

struct View {
  std::uint64_t decision;
  std::size_t place;
};

const SampleWindow& window_of(lua_State* lua) {
  return *static_cast<const SampleWindow*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

const View& view_at_1(lua_State* lua, const char* type) {
  const auto& view = *static_cast<const View*>(luaL_checkudata(lua, 1, type));
  if (view.decision != window_of(lua).decision) luaL_error(lua, "samples are gone after their decision: keep numbers");
  return view;
}

void push_view(lua_State* lua, const char* type, View view) {
  *static_cast<View*>(lua_newuserdatauv(lua, sizeof(View), 0)) = view;
  luaL_setmetatable(lua, type);
}

int list_length(lua_State* lua) {
  view_at_1(lua, list_type);
  lua_pushinteger(lua, static_cast<lua_Integer>(window_of(lua).samples.size()));
  return 1;
}

int list_index(lua_State* lua) {
  const View& list = view_at_1(lua, list_type);
  const lua_Integer i = luaL_checkinteger(lua, 2);
  if (i < 1 || i > static_cast<lua_Integer>(window_of(lua).samples.size())) return 0;
  push_view(lua, sample_type, {list.decision, static_cast<std::size_t>(i - 1)});
  return 1;
}

int sample_index(lua_State* lua) {
  const View& view = view_at_1(lua, sample_type);
  const SampleWindow& window = window_of(lua);
  const GuestSample& sample = window.samples[view.place];
  std::size_t length = 0;
  const char* key = luaL_checklstring(lua, 2, &length);
  const std::string_view name(key, length);
  if (name == "age") {
    lua_pushnumber(lua, seconds(Duration(window.now.time_since_epoch())) - seconds(Duration(sample.at.time_since_epoch())));
    return 1;
  }
  for (const Field& field : fields) {
    if (field.name != name) continue;
    const double value = field.read(sample);
    if (!std::isfinite(value)) return 0;
    lua_pushnumber(lua, value);
    return 1;
  }
  return luaL_error(lua, "a sample has no field '%s'", key);
}

void make_type(lua_State* lua, const char* type, lua_CFunction index, lua_CFunction length, const SampleWindow* window) {
  void* upvalue = const_cast<SampleWindow*>(window);  // only read; Lua knows no const
  luaL_newmetatable(lua, type);
  lua_pushlightuserdata(lua, upvalue);
  lua_pushcclosure(lua, index, 1);
  lua_setfield(lua, -2, "__index");
  if (length != nullptr) {
    lua_pushlightuserdata(lua, upvalue);
    lua_pushcclosure(lua, length, 1);
    lua_setfield(lua, -2, "__len");
  }
  lua_pop(lua, 1);
}

}  // namespace

void open_sample_view(lua_State* lua, const SampleWindow* window) {
  make_type(lua, list_type, list_index, list_length, window);
  make_type(lua, sample_type, sample_index, nullptr, window);
}

void push_samples(lua_State* lua, const SampleWindow& window) { push_view(lua, list_type, {window.decision, 0}); }

}  // namespace neonvm::policy_lua
