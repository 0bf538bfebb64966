#include "plugins/policy-lua/options.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace neonvm::policy_lua {
namespace {

constexpr Bytes least_memory{64 * kib}, most_memory{16 * mib};
constexpr std::size_t longest_script = 64 * kib;

}  // namespace

Result<LuaOptions> read_options(const policy::Settings& settings) {
  LuaOptions options;
  std::optional<Bytes> memory;
  policy::OptionReader read(settings, "lua");
  read.text("script", options.script);
  read.memory("memory", memory);
  read.count("instructions", options.instructions, 1000, 10'000'000);
  if (memory && (*memory < least_memory || *memory > most_memory)) {
    read.refuse("memory", "\"" + settings.at("memory") + "\" is not a size from 64Ki to 16Mi");
  }
  if (options.script.empty()) {
    read.refuse("script", "must be given: the path of a Lua script that has a function decide(vm)");
  } else if (options.script.front() != '/') {
    read.refuse("script", "\"" + options.script + "\" is not an absolute path; who decides works in another folder");
  }
  if (Status status = read.done(); !status) return status.error();
  options.memory = memory.value_or(options.memory);
  return options;
}

Result<std::string> read_script(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) {
    return Error{Code::invalid_argument, path + " is a folder; give a Lua script"};
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{Code::not_found, path + ": " + std::strerror(errno)};
  std::string text(longest_script + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > longest_script) {
    return Error{Code::invalid_argument, path + " has more than 64 KiB; a policy is short"};
  }
  return text;
}

}  // namespace neonvm::policy_lua
