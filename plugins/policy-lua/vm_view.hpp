// Private to policy-lua: the question as the table `vm` that decide() gets, and its answer.
//
//   vm.name, vm.now (monotonic seconds), vm.wall (UTC seconds, or nil), vm.has, vm.min, vm.max, vm.unit (each .cpus and
//   .memory in bytes), vm.samples (sample_view.hpp), vm.request (nil, or .age and .memory in bytes; 0: just more),
//   vm.state (a table that is kept for this VM)
//
//   return CPUS, MEMORY, WHY      nil keeps what the VM has
//
// Both raise Lua errors: call them protected, with nothing on the C++ stack that needs its destructor.
#pragma once

#include "core/ports/policy.hpp"

struct lua_State;

namespace neonvm::policy_lua {

constexpr std::size_t longest_text = 224;

struct Answer {
  double cpus = 0, memory = 0;
  bool has_cpus = false, has_memory = false;
  char why[longest_text] = "";
};

void push_vm(lua_State* lua, const PolicyInput& input);
// The three values from stack place `first` on.
void read_answer(lua_State* lua, int first, Answer& answer);

}  // namespace neonvm::policy_lua
