// Private to policy-lua: Sandbox, a Lua 5.4 state that can compute and nothing else.
//
// No io, os, package, debug, coroutines, metatables, patterns or random numbers; no load and no bytecode; no pairs, whose
// order is not the same in every process; no table library, whose loops no instruction counts. Memory is counted and
// refused beyond the limit; work is counted (instructions, and a share for memory taken) and ended beyond its limit.
//
// Threads: one at a time. Failure: run() answers what the script raised, with file and line; the state stays usable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "plugins/policy-lua/options.hpp"

struct lua_State;
struct lua_Debug;

namespace neonvm::policy_lua {

class Sandbox {
 public:
  using Function = int (*)(lua_State*);

  // `name`: of the script, for messages.
  Sandbox(const LuaOptions& options, std::string name);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Calls `function` protected, with `argument` as its one light userdata, and a fresh allowance of work.
  Status run(Function function, void* argument);
  // The last run ended for want of memory.
  [[nodiscard]] bool out_of_memory() const { return out_of_memory_; }

 private:
  static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
  static void count(lua_State* lua, lua_Debug* where);
  static int open_libraries(lua_State* lua);
  void note_line();
  [[nodiscard]] Status raised(int code);

  std::string name_;
  std::size_t most_memory_, memory_ = 0;
  std::uint64_t most_work_, work_ = 0;
  int refused_line_ = 0;         // where memory was refused; 0: unknown
  bool out_of_memory_ = false;
  lua_State* lua_ = nullptr;
  Status opened_;
};

}  // namespace neonvm::policy_lua
