#include "core/plugin/host_table.hpp"

#include <utility>

#include "core/plugin/edge.hpp"
#include "core/plugin/opened.hpp"

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

// A policy that was opened for another: the handle is its hold, the table passes each call on.
std::int32_t decide(void* hold, const neonvm_policy_input* input, neonvm_goal* goal, neonvm_error* error) noexcept {
  const Opened& inner = **static_cast<std::shared_ptr<Opened>*>(hold);
  return inner.table<neonvm_policy_table>().decide(inner.handle(), input, goal, error);
}

constexpr neonvm_policy_table inner_table = {sizeof(neonvm_policy_table), decide};

}  // namespace

HostTable::HostTable(HostServices services, std::string plugin)
    : services_(std::move(services)),
      plugin_(std::move(plugin)),
      table_{sizeof(neonvm_host), this, &HostTable::log, &HostTable::cancelled, &HostTable::open_policy,
             &HostTable::close_policy} {}

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

std::int32_t HostTable::open_policy(void* self, neonvm_text name, const neonvm_option* options, std::size_t count,
                                    void** policy, const neonvm_policy_table** table, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto& host = *static_cast<HostTable*>(self);
    if (!host.services_.open_policy) {
      return Error{Code::unsupported, "this program opens no policy for another policy"};
    }
    std::map<std::string, std::string> settings;
    for (std::size_t i = 0; i < count; ++i) settings.emplace(view(options[i].name), view(options[i].value));
    auto opened = host.services_.open_policy(std::string(view(name)), settings);
    if (!opened) return opened.error();
    *policy = new std::shared_ptr<Opened>(std::move(opened).value());
    *table = &inner_table;
    return {};
  });
}

void HostTable::close_policy(void*, void* policy) noexcept { delete static_cast<std::shared_ptr<Opened>*>(policy); }

}  // namespace neonvm::plugin
