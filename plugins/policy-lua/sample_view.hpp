// Private to policy-lua: the samples of one decision as Lua sees them: vm.samples[i].cpu_used, #vm.samples.
//
// Views, not copies: reading a figure costs, having sixty samples does not. A view that a script kept beyond its decision
// raises an error when it is read. What a sample does not tell is nil.
#pragma once

#include <cstdint>
#include <span>

#include "core/model/metrics.hpp"

struct lua_State;

namespace neonvm::policy_lua {

struct SampleWindow {
  std::span<const GuestSample> samples;
  Instant now{};
  std::uint64_t decision = 0;      // which one; a view of another one is dead
};

// Makes the metatables. `window` must outlive the state. May raise a Lua error.
void open_sample_view(lua_State* lua, const SampleWindow* window);
// Leaves the list of samples on the stack.
void push_samples(lua_State* lua, const SampleWindow& window);

}  // namespace neonvm::policy_lua
