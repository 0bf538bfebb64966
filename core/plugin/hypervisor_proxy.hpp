// HypervisorProxy: the hypervisor door over a plugin's C table; its Machines too.
//
// Made by the catalog. Threads: as the door says; nothing is kept here between calls. Lifetime: a machine keeps its
// plugin open. Failure: the plugin's error unchanged; `unsupported` for an optional call that it lacks.
#pragma once

#include <memory>

#include "core/plugin/opened.hpp"
#include "core/ports/hypervisor.hpp"

namespace neonvm::plugin {

class HypervisorProxy final : public Hypervisor {
 public:
  explicit HypervisorProxy(std::shared_ptr<Opened> opened) : opened_(std::move(opened)) {}

  // A plugin without probe() has nothing to tell; one whose probe fails tells that as a capability that does not work.
  std::vector<Capability> probe(Deadline deadline) override;
  Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, Deadline deadline) override;
  Result<std::unique_ptr<Machine>> attach(const MachineSpec& spec, Deadline deadline) override;
  Status create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline deadline) override;

 private:
  std::shared_ptr<Opened> opened_;
};

}  // namespace neonvm::plugin
