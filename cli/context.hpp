// Context: what a command may use: configuration, plugins, the orchestrator, the terminal.
//
// Made once by run_program; single-threaded. Everything is opened when first asked for. Nothing is written to
// standard error except progress, and that only on a terminal unless it is a warning.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "cli/options.hpp"
#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "core/plugin/catalog.hpp"
#include "core/ports/hypervisor.hpp"
#include "core/ports/orchestrator.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::cli {

struct GlobalOptions {
  std::string home, config;
  std::string orchestrator, kubeconfig, kube_context, kube_namespace;  // empty: the configuration's
  bool verbose = false;
};

// How long a call on the store may take for somebody who waits at a terminal.
constexpr Duration call_limit = std::chrono::seconds(10);
Deadline soon();

class Context {
 public:
  Context(GlobalOptions globals, std::vector<Command> commands);
  ~Context();

  Result<const Config*> config();
  // --nodes: so many equal nodes instead of the configured ones. After config().
  void override_nodes(std::int64_t count);
  plugin::Catalog& catalog();
  [[nodiscard]] const std::vector<Command>& commands() const { return commands_; }
  [[nodiscard]] const GlobalOptions& globals() const { return globals_; }

  // The store of $home. supervise: this process looks after the runners (serve only).
  Result<Orchestrator*> orchestrator();
  Result<std::unique_ptr<Orchestrator>> open_supervising_orchestrator();
  Result<std::unique_ptr<Hypervisor>> open_hypervisor();
  Result<std::unique_ptr<Policy>> open_policy(const std::string& name,
                                              const std::map<std::string, std::string>& options);

  // Objects are kept by a control plane elsewhere: none is started here.
  bool remote_control_plane();
  // Starts `neonvm serve` in the background when none answers in $home, says so, and waits until it answers. Nothing where
  // the control plane is elsewhere.
  Status need_serve();
  [[nodiscard]] std::string serve_socket();
  // The kernel and initrd of VMs that bring none, with the next step when they are not there.
  struct Guest {
    std::string kernel, initrd;
  };
  Result<Guest> default_guest();

  // Object `name`, or not_found with the nearest name.
  Result<Object> find(Kind kind, const std::string& name);

 private:
  GlobalOptions globals_;
  std::vector<Command> commands_;
  std::unique_ptr<Config> config_;
  std::unique_ptr<plugin::Catalog> catalog_;
  std::unique_ptr<Orchestrator> orchestrator_;
};

// $home/… of a configuration, for daemons.
std::string serve_socket_of(const Config& config);
// Who opens the orchestrator: what keeps runners, a part beside it (agent, scheduler), or a command.
enum class Opener { keeper, part, command };
// JSON for the plugin. node: of a cluster, whose VMs alone are to be seen; empty: all.
std::string orchestrator_settings(const Config& config, Opener opener, const std::string& node = "");
std::string hypervisor_settings(const Config& config);
// This program, for starting others of it.
std::string own_path();

}  // namespace neonvm::cli
