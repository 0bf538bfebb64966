// QemuHypervisor: the hypervisor door over QEMU.
//
// Made by plugin.cpp. Threads: start, attach, create_disk and probe from any thread at the same time, for different
// machines. Lifetime: machines may outlive it. Failure: as the door says; a QEMU that does not come up is killed before
// start() returns, unless that is what failed (then deadline_exceeded: ask by attach()).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/ports/hypervisor.hpp"
#include "plugins/hypervisor-qemu/command_line.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

class QemuHypervisor : public Hypervisor {
 public:
  QemuHypervisor(Settings settings, std::unique_ptr<Launcher> launcher);

  std::vector<Capability> probe(Deadline deadline) override;
  Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, Deadline deadline) override;
  Result<std::unique_ptr<Machine>> attach(const MachineSpec& spec, Deadline deadline) override;
  Status create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline deadline) override;

 private:
  Result<LaunchFacts> facts_for(const MachineSpec& spec, Deadline deadline);
  Capability kvm(Deadline deadline, bool afresh);
  Result<std::unique_ptr<Machine>> hold(const MachineSpec& spec, std::shared_ptr<WatchedProcess> process,
                                        UniqueFd holder_lock, std::uint64_t log_start, Deadline deadline);

  const Settings settings_;
  const std::unique_ptr<Launcher> launcher_;
  std::mutex mutex_;                // of what was found out
  std::optional<Capability> kvm_;
  std::optional<std::vector<Capability>> probed_;
};

// Pure. What QEMU's last words mean at the door: a locked disk is already_exists, a missing one not_found, …
Error understand(const std::string& how_it_ended, const std::string& last_words);

}  // namespace neonvm::qemu
