// LuaPolicy: a policy in a few lines of Lua 5.4, for experiments without a compiler.
//
//   function decide(vm)
//     local s = vm.samples[#vm.samples]
//     if not s or not s.cpu_demand then return nil, nil, "no sample" end
//     return s.cpu_demand / 0.8, nil, "demand " .. s.cpu_demand
//   end
//
// Options: options.hpp. What decide gets and gives: vm_view.hpp; explain(TEXT) adds a reason; what a script may use:
// sandbox.hpp. Keeps vm.state of each VM within the script's memory; what a script keeps besides is its own business.
// Its heap is its own (malloc, bounded); nothing else is allocated in a decision.
//
// Failure: an error of the script is the answer, with the script's file and line, so the VM keeps its size and shows it.
// The wish is in the bounds. Reasons: lua (why, and each explain); limits that bit: lua.bounds.
#pragma once

#include <memory>

#include "core/plugin/plugin_sdk.hpp"
#include "core/policy/reasons.hpp"
#include "plugins/policy-lua/options.hpp"

namespace neonvm::policy_lua {

class Script;

class LuaPolicy final : public policy::InPlacePolicy {
 public:
  explicit LuaPolicy(std::unique_ptr<Script> script);
  ~LuaPolicy() override;
  static Result<std::unique_ptr<LuaPolicy>> open(const plugin::Options& options);
  // The same of a text; options.script names it in messages.
  static Result<std::unique_ptr<LuaPolicy>> from_text(const LuaOptions& options, const std::string& text);

  Status decide_into(const PolicyInput& input, Goal& goal) override;

 private:
  std::unique_ptr<Script> script_;
  policy::Reasons reasons_;
};

}  // namespace neonvm::policy_lua
