// HostTable: what neonvm offers to one opened plugin, as the C table neonvm_host.
//
// Made by Opened, one per opened plugin, so that each line of its log carries its name. Threads: a plugin may call from
// any thread, so the services must be safe for that. Lifetime: outlives the plugin's close. Failure: none reaches the
// plugin: what a service throws is dropped.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

class Opened;

enum class LogLevel { debug, info, warning, error };

// Filled by cli. What is left empty does nothing.
struct HostServices {
  std::function<void(LogLevel level, std::string_view plugin, std::string_view message)> log;
  std::function<bool()> cancelled;  // true once this process shuts down
  // Filled by the catalog: a policy, by name or path, for a policy that builds on one.
  std::function<Result<std::shared_ptr<Opened>>(const std::string& word, const std::map<std::string, std::string>&)>
      open_policy;
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
  static std::int32_t open_policy(void* self, neonvm_text name, const neonvm_option* options, std::size_t count,
                                  void** policy, const neonvm_policy_table** table, neonvm_error* error) noexcept;
  static void close_policy(void* self, void* policy) noexcept;

  HostServices services_;
  std::string plugin_;
  neonvm_host table_;
};

}  // namespace neonvm::plugin
