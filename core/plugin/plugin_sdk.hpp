// plugin_sdk: makes a plugin out of an ordinary C++ class that implements a port. All that a plugin's author includes.
//
//   class Mine : public neonvm::Policy { … };
//   NEONVM_PLUGIN(mine, policy, Mine)           // kind: hypervisor, orchestrator, policy
//
// The class is made, in this order of choice, by `static Result<std::unique_ptr<Mine>> Mine::open(const Options&)`, by
// `Mine(const Options&)`, or by `Mine()`; the last refuses every setting, since it knows none.
//
// The getter that the macro makes carries kind and name (neonvm_plugin_v1_policy_mine), so that many plugins can be
// linked into one program; with NEONVM_PLUGIN_MODULE defined it also makes the one exported function of a shared
// library. CMake's neonvm_plugin() takes care of both. NEONVM_PLUGIN_VERSION is the plugin's own version.
//
// Threads: as the port says. Lifetime: the host ends machines and watches before their plugin. Failure: everything that
// leaves the class (an Error, any exception) is caught at the edge; an exception is Code::internal with its what().
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"
#include "core/ports/hypervisor.hpp"
#include "core/ports/orchestrator.hpp"
#include "core/ports/policy.hpp"

#ifndef NEONVM_PLUGIN_VERSION
#define NEONVM_PLUGIN_VERSION "0"
#endif

namespace neonvm::plugin {

// What the host offers; valid as long as the plugin's object lives. Any thread.
class Host {
 public:
  enum class Level { debug, info, warning, error };

  Host() = default;
  explicit Host(const neonvm_host* host) : host_(host) {}
  void log(Level level, std::string_view message) const;
  // True once the host is shutting down: answer Code::cancelled soon.
  [[nodiscard]] bool cancelled() const;
  // Another policy, by name or path, for a policy that builds on one. Call it in open. It must go before this plugin's
  // object does: keep it as a member. Failure: not_found, what it refused, or unsupported by an older neonvm.
  [[nodiscard]] Result<std::unique_ptr<Policy>> open_policy(const std::string& name,
                                                            const std::map<std::string, std::string>& settings) const;

 private:
  const neonvm_host* host_ = nullptr;
};

struct Options {
  Host host;
  std::map<std::string, std::string> settings;  // the user's, as text; refuse names that you do not know

  // The error for the first setting that is not among `known`.
  [[nodiscard]] Status only(std::initializer_list<std::string_view> known) const;
};

template <typename Port>
using Maker = Result<std::unique_ptr<Port>> (*)(const Options&);

template <typename Port, typename Class>
Result<std::unique_ptr<Port>> make(const Options& options) {
  if constexpr (requires { Class::open(options); }) {
    auto made = Class::open(options);
    if (!made) return made.error();
    return std::unique_ptr<Port>(std::move(made).value());
  } else if constexpr (std::is_constructible_v<Class, const Options&>) {
    return std::unique_ptr<Port>(std::make_unique<Class>(options));
  } else {
    if (Status none = options.only({}); !none) return none.error();
    return std::unique_ptr<Port>(std::make_unique<Class>());
  }
}

// One port's side of the ABI each: sdk_policy.cpp, sdk_hypervisor.cpp, sdk_orchestrator.cpp.
#define NEONVM_EDGE(EDGE, PORT, KIND)                                                                            \
  struct EDGE {                                                                                                  \
    using Port = PORT;                                                                                           \
    static constexpr std::int32_t kind = KIND;                                                                   \
    static std::int32_t open(Maker<PORT> maker, const neonvm_open_args* args, void** plugin, neonvm_error* error) \
        noexcept;                                                                                                \
    static void close(void* plugin) noexcept;                                                                    \
    static const void* table() noexcept;                                                                         \
  };
NEONVM_EDGE(policy_edge, Policy, NEONVM_KIND_POLICY)
NEONVM_EDGE(hypervisor_edge, Hypervisor, NEONVM_KIND_HYPERVISOR)
NEONVM_EDGE(orchestrator_edge, Orchestrator, NEONVM_KIND_ORCHESTRATOR)
#undef NEONVM_EDGE

template <typename Edge, typename Class>
neonvm_plugin_descriptor describe(const char* name, const char* version) {
  neonvm_plugin_descriptor d{};
  d.size = sizeof d;
  d.abi_major = NEONVM_ABI_MAJOR;
  d.abi_minor = NEONVM_ABI_MINOR;
  d.kind = Edge::kind;
  d.name = name;
  d.version = version;
  d.open = [](const neonvm_open_args* args, void** plugin, neonvm_error* error) -> std::int32_t {
    return Edge::open(&make<typename Edge::Port, Class>, args, plugin, error);
  };
  d.close = [](void* plugin) { Edge::close(plugin); };
  d.table = Edge::table();
  return d;
}

// Used by open() of the edges.
Result<Options> read_options(const neonvm_open_args* args);

}  // namespace neonvm::plugin

#ifdef NEONVM_PLUGIN_MODULE
#define NEONVM_PLUGIN_ALIAS(NAME, KIND)                                               \
  extern "C" NEONVM_EXPORT const neonvm_plugin_descriptor* neonvm_plugin_v1(void) {   \
    return neonvm_plugin_v1_##KIND##_##NAME();                                        \
  }
#else
#define NEONVM_PLUGIN_ALIAS(NAME, KIND)
#endif

// The class comes last and may hold commas (a template's arguments).
#define NEONVM_PLUGIN(NAME, KIND, ...)                                                                      \
  extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_##KIND##_##NAME(void);                        \
  extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_##KIND##_##NAME(void) {                       \
    static const neonvm_plugin_descriptor descriptor =                                                      \
        ::neonvm::plugin::describe<::neonvm::plugin::KIND##_edge, __VA_ARGS__>(#NAME, NEONVM_PLUGIN_VERSION); \
    return &descriptor;                                                                                     \
  }                                                                                                         \
  NEONVM_PLUGIN_ALIAS(NAME, KIND)                                                                           \
  static_assert(true, "a semicolon may follow")
