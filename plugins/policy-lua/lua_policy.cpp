#include "plugins/policy-lua/lua_policy.hpp"

#include "core/policy/figures.hpp"
#include "plugins/policy-lua/script.hpp"

namespace neonvm::policy_lua {

LuaPolicy::LuaPolicy(std::unique_ptr<Script> script) : script_(std::move(script)) {}
LuaPolicy::~LuaPolicy() = default;

Result<std::unique_ptr<LuaPolicy>> LuaPolicy::from_text(const LuaOptions& options, const std::string& text) {
  auto script = Script::open(options, text);
  if (!script) return script.error();
  return std::make_unique<LuaPolicy>(std::move(script).value());
}

Result<std::unique_ptr<LuaPolicy>> LuaPolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  const auto text = read_script(read->script);
  if (!text) return text.error().at("script");
  return from_text(*read, *text);
}

Status LuaPolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  if (Status status = script_->decide(input); !status) return status;
  const Answer& answer = script_->answer();
  Resources wish = input.using_now;
  if (answer.has_cpus) wish.cpu = policy::milli_cpu(answer.cpus);
  if (answer.has_memory) wish.memory = policy::bytes(answer.memory);
  goal.wish = policy::in_bounds(wish, input);
  const Explanations& said = script_->explanations();
  for (std::size_t i = 0; i < said.count; ++i) reasons_.say(goal, "lua", said.texts[i].data());
  if (answer.why[0] != '\0') reasons_.say(goal, "lua", answer.why);
  if (goal.wish != wish) {
    reasons_.say(goal, "lua.bounds", policy::Line() << wish.cpu.cpus() << " CPUs, " << policy::in_mib(wish.memory)
                                                    << " MiB wished; the VM's bounds allow " << goal.wish.cpu.cpus()
                                                    << " CPUs, " << policy::in_mib(goal.wish.memory) << " MiB");
  }
  return {};
}

}  // namespace neonvm::policy_lua
