// Config: every setting of the program, where its value came from, and how it is written in TOML.
//
// Read from $XDG_CONFIG_HOME/neonvm/config.toml (or --config), then $NEONVM_HOME, then flags: later wins. Unknown keys,
// wrong types and values out of range are errors with file, line and column; all of them, not only the first.
// docs/reference/configuration.md is made from settings_table() by scripts/reference.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/event_config.hpp"
#include "core/decide/address_book.hpp"
#include "core/model/node.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "core/model/scaling_config.hpp"

namespace neonvm::cli {

struct Config {
  std::string file;                       // that was read; empty: none
  std::string home;                       // absolute
  std::string log_level = "info";
  bool log_json = false;

  std::string orchestrator = "local";
  std::int64_t nodes = 1;                 // used when `node` is empty: equal shares of this machine
  double watermark = 0.9;
  double headroom_share = 0;
  std::int64_t headroom_seconds = 60;
  std::vector<Node> node;                 // [[node]]

  std::string kubeconfig, kube_context, kube_namespace;  // of orchestrator "k8s"; empty: as kubectl finds them
  std::string runner_image, runner_scheduler, kvm_resource;
  std::string runners_through = "auto", runner_network = "user";
  bool mark_nodes = false;
  bool publish_usage = true;
  std::string system_namespace = "neonvm-system";

  std::string hypervisor = "qemu";
  bool cpu_quota = true;
  std::string owner = "process";          // of QEMU: "process" or "libvirt"
  std::string qemu;                       // path of the binary; empty: found in PATH
  std::string libvirt_uri = "qemu:///session";
  std::string machine_type;

  std::string guest_kernel, guest_initrd; // empty: the default guest
  std::string guest_cmdline;
  bool egress = false;                    // user networking may reach beyond this VM

  std::string policy = "default";
  Resources compute_unit = default_compute_unit;
  ScalingConfig scaling;                  // complete
  EventConfig events;
  decide::AddressSettings network;

  std::map<std::string, std::string> origin;  // key -> "default", "config.toml:3:1", "$NEONVM_HOME", "--home"
};

struct SettingFacts {
  std::string key, type, value, help;     // value: as TOML
};
// Every setting with its value in `config`, in the order of the reference page.
std::vector<SettingFacts> settings_table(const Config& config);

Config default_config();
// Missing file: the defaults, unless `must_exist`.
Result<Config> load_config(const std::string& path, bool must_exist);
std::string default_config_path();
// $NEONVM_HOME, else $XDG_STATE_HOME/neonvm, else ~/.local/state/neonvm.
std::string default_home();

}  // namespace neonvm::cli
