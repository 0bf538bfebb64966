#include "core/plugin/descriptor_check.hpp"

#include <algorithm>
#include <string>

#include "core/plugin/slots.hpp"

namespace neonvm::plugin {
namespace {

Error refusal(Code code, std::string text) { return {code, std::move(text)}; }

std::string version(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

Status check_versions(const neonvm_plugin_descriptor& d) {
  const std::string theirs = "is built for plugin ABI " + version(d.abi_major, d.abi_minor);
  const std::string ours = ", but this neonvm has " + version(NEONVM_ABI_MAJOR, NEONVM_ABI_MINOR);
  if (d.abi_major != NEONVM_ABI_MAJOR) {
    return refusal(Code::unsupported, theirs + ours + ": another major version; rebuild the plugin");
  }
  if (d.abi_minor > NEONVM_ABI_MINOR) {
    return refusal(Code::unsupported, theirs + ours + ": it is newer; update neonvm");
  }
  return {};
}

bool is_name(const char* name) {
  const std::string_view text = name == nullptr ? "" : name;
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// Names the first required slot that is missing.
template <typename Table, typename... Slot>
Status check_slots(const void* table, const char* const (&names)[sizeof...(Slot)], Slot Table::*... slots) {
  const auto& t = *static_cast<const Table*>(table);
  std::size_t i = 0;
  const char* lacking = nullptr;
  const auto look = [&](bool there) {
    if (!there && lacking == nullptr) lacking = names[i];
    ++i;
  };
  (look(has(t, slots)), ...);
  if (lacking == nullptr) return {};
  return refusal(Code::unsupported, "lacks the required call \"" + std::string(lacking) + "\" (its table has " +
                                        std::to_string(t.size) + " bytes)");
}

Status check_hypervisor(const void* table) {
  using T = neonvm_hypervisor_table;
  return check_slots(table,
                     {"start", "attach", "machine_close", "inspect", "want_memory", "memory", "quit", "kill",
                      "next_event"},
                     &T::start, &T::attach, &T::machine_close, &T::inspect, &T::want_memory, &T::memory, &T::quit,
                     &T::kill, &T::next_event);
}

Status check_orchestrator(const void* table) {
  using T = neonvm_orchestrator_table;
  return check_slots(table,
                     {"list", "get", "create", "update", "update_status", "remove", "watch", "watch_next", "watch_wake",
                      "watch_close", "start_runner", "stop_runner", "hold_lease", "release_lease"},
                     &T::list, &T::get, &T::create, &T::update, &T::update_status, &T::remove, &T::watch,
                     &T::watch_next, &T::watch_wake, &T::watch_close, &T::start_runner, &T::stop_runner,
                     &T::hold_lease, &T::release_lease);
}

Status check_policy(const void* table) {
  return check_slots(table, {"decide"}, &neonvm_policy_table::decide);
}

Status check_table(std::int32_t kind, const void* table) {
  switch (kind) {
    case NEONVM_KIND_HYPERVISOR: return check_hypervisor(table);
    case NEONVM_KIND_ORCHESTRATOR: return check_orchestrator(table);
    case NEONVM_KIND_POLICY: return check_policy(table);
    default: return refusal(Code::unsupported, "is of the unknown kind " + std::to_string(kind));
  }
}

}  // namespace

std::string_view kind_name(std::int32_t kind) {
  switch (kind) {
    case NEONVM_KIND_HYPERVISOR: return "hypervisor";
    case NEONVM_KIND_ORCHESTRATOR: return "orchestrator";
    case NEONVM_KIND_POLICY: return "policy";
    default: return "unknown";
  }
}

Status check_descriptor(const neonvm_plugin_descriptor* d) {
  if (d == nullptr) return refusal(Code::internal, "its getter answers no descriptor");
  // These three numbers stand at the beginning in every major version; nothing else is read before they agree.
  if (d->size < offsetof(neonvm_plugin_descriptor, kind)) {
    return refusal(Code::unsupported, "its descriptor has only " + std::to_string(d->size) + " bytes");
  }
  if (const Status versions = check_versions(*d); !versions) return versions.error();
  if (d->size < sizeof *d) {
    return refusal(Code::unsupported, "its descriptor has " + std::to_string(d->size) + " bytes, fewer than the " +
                                          std::to_string(sizeof *d) + " of ABI 1.0");
  }
  if (!is_name(d->name)) {
    return refusal(Code::unsupported, "its name is not 1 to 63 lower-case letters, digits, '-' or '_'");
  }
  if (d->open == nullptr || d->close == nullptr) return refusal(Code::unsupported, "lacks open or close");
  if (d->table == nullptr) return refusal(Code::unsupported, "has no table of calls");
  return check_table(d->kind, d->table);
}

}  // namespace neonvm::plugin
