// HostTable: what neonvm offers to one opened plugin, as the C table neonvm_host.
//
// Made by Opened, one per opened plugin, so that each line of its log carries its name. Threads: a plugin may call from
// any thread, so the services must be safe for that. Lifetime: outlives the plugin's close. Failure: none reaches the
// plugin: what a service throws is dropped.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

enum class LogLevel { debug, info, warning, error };

// Filled by cli. What is left empty does nothing.
struct HostServices {
  std::function<void(LogLevel level, std::string_view plugin, std::string_view message)> log;
  std::function<bool()> cancelled;  // true once this process shuts down
};

class HostTable {
 public:
  HostTable(HostServices services, std::string plugin);
  HostTable(const HostTable&) = delete;  // the table holds its address
  HostTable& operator=(const HostTable&) = delete;

  [[nodiscard]] const neonvm_host* table() const { return &table_; }

 private:
  static void log(void* self, std::int32_t level, neonvm_text message) noexcept;
  static std::int32_t cancelled(void* self) noexcept;

  HostServices services_;
  std::string plugin_;
  neonvm_host table_;
};

}  // namespace neonvm::plugin
