#include "cli/daemon_process.hpp"

#include <unistd.h>

#include <array>
#include <random>

#include "core/runtime/log.hpp"

namespace neonvm::cli {

std::string own_name() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host.front() = '\0';
  std::random_device random;
  return std::string(host.data()) + "_" + std::to_string(getpid()) + "_" + std::to_string(random());
}

Status open_daemon_log(const Context& context, const Config& config) {
  runtime::LogOptions log;
  log.json = config.log_json;
  log.level = context.globals().verbose || config.log_level == "debug" ? runtime::LogLevel::debug : runtime::LogLevel::info;
  return runtime::open_log(log);
}

}  // namespace neonvm::cli
