// LuaOptions: what can be set, as --policy lua,script=/path/mine.lua.
#pragma once

#include "core/policy/options.hpp"

namespace neonvm::policy_lua {

struct LuaOptions {
  std::string script;                       // script: absolute path of a text of at most 64 KiB
  Bytes memory{256 * kib};                  // memory: what the script may hold, 64Ki to 16Mi
  std::uint32_t instructions = 100'000;     // instructions: of one decision, 1000 to 10000000
};

Result<LuaOptions> read_options(const policy::Settings& settings);
// Failure: not_found, or invalid_argument for what is no text or too long.
Result<std::string> read_script(const std::string& path);

}  // namespace neonvm::policy_lua
