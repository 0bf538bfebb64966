// Settings: what this plugin is told when it is opened.
//
// One setting "json" with an object, or the object's members as settings of their own:
//   home           absolute path; required
//   supervise      true: look after runners and nodes; one process a home (default false)
//   runnerCommand  ["neonvm", "runner"]: "--name NAME --spec FILE" is appended; or {name}, {spec}, {run_dir}, {home}
//                  anywhere in it are replaced
//   nodes          [{"name","cpu","memory","watermark","labels"}]: the local nodes
//   nodeCount      without nodes: so many with equal shares of this machine (default 1)
//   watermark      of those (default 0.9)
// Failure: an unknown name or a value that makes no sense is invalid_argument and named.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/node.hpp"
#include "core/model/result.hpp"

namespace neonvm::local {

struct Settings {
  std::string home;
  bool supervise = false;
  std::vector<std::string> runner_command{"neonvm", "runner"};
  std::vector<Node> nodes;  // never empty
};

Result<Settings> read_settings(const std::map<std::string, std::string>& options);

// What VMs may be promised on this machine: its CPUs and 80 % of its memory, or less where a cgroup allows less.
Resources machine_share();
// `count` nodes that share it equally: "local", or "node1", "node2", …
std::vector<Node> equal_nodes(unsigned count, double watermark, const Resources& whole);

}  // namespace neonvm::local
