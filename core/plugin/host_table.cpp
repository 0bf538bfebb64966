#include "core/plugin/host_table.hpp"

#include <utility>

#include "core/plugin/edge.hpp"

namespace neonvm::plugin {
namespace {

LogLevel level_from(std::int32_t level) {
  switch (level) {
    case NEONVM_LOG_DEBUG: return LogLevel::debug;
    case NEONVM_LOG_INFO: return LogLevel::info;
    case NEONVM_LOG_WARNING: return LogLevel::warning;
    default: return LogLevel::error;  // an outsider's number: rather seen than lost
  }
}

}  // namespace

HostTable::HostTable(HostServices services, std::string plugin)
    : services_(std::move(services)),
      plugin_(std::move(plugin)),
      table_{sizeof(neonvm_host), this, &HostTable::log, &HostTable::cancelled} {}

void HostTable::log(void* self, std::int32_t level, neonvm_text message) noexcept {
  const auto& host = *static_cast<HostTable*>(self);
  try {
    if (host.services_.log) host.services_.log(level_from(level), host.plugin_, view(message));
  } catch (...) {  // a log line is not worth a plugin's life
  }
}

std::int32_t HostTable::cancelled(void* self) noexcept {
  const auto& host = *static_cast<HostTable*>(self);
  try {
    return host.services_.cancelled && host.services_.cancelled() ? 1 : 0;
  } catch (...) {
    return 0;
  }
}

}  // namespace neonvm::plugin
