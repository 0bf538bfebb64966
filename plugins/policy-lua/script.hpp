// Private to policy-lua: Script, a loaded script and the calls of its decide().
//
// Threads: one call at a time. Failure: what the script raised, with file and line, or that it has no decide(). A script
// that ran out of memory loses what it kept in vm.state, so that it can go on.
#pragma once

#include <array>
#include <memory>

#include "core/ports/policy.hpp"
#include "plugins/policy-lua/sample_view.hpp"
#include "plugins/policy-lua/sandbox.hpp"
#include "plugins/policy-lua/vm_view.hpp"

namespace neonvm::policy_lua {

// What explain() said during a decision.
struct Explanations {
  static constexpr std::size_t most = 12;
  std::array<std::array<char, longest_text>, most> texts;
  std::size_t count = 0;
};

class Script {
 public:
  static Result<std::unique_ptr<Script>> open(const LuaOptions& options, const std::string& text);

  // The answer and the explanations are valid until the next call.
  Status decide(const PolicyInput& input);
  [[nodiscard]] const Answer& answer() const { return answer_; }
  [[nodiscard]] const Explanations& explanations() const { return explanations_; }

 private:
  struct Load {
    Script* script;
    const char* text;
    std::size_t length;
    const char* name;
  };

  Script(const LuaOptions& options, const std::string& name) : sandbox_(options, name) {}
  static int load(lua_State* lua);
  static int call(lua_State* lua);
  static int explain(lua_State* lua);
  static int forget(lua_State* lua);

  Sandbox sandbox_;
  SampleWindow window_;
  const PolicyInput* input_ = nullptr;
  Answer answer_;
  Explanations explanations_;
};

}  // namespace neonvm::policy_lua
