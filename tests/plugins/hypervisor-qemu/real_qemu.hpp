// RealQemu: the plugin with a real QEMU under TCG and the tests' guest, as the contract wants it.
//
// Every QEMU that it made is killed when the last copy of `door` goes, whatever the test left behind.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"
#include "tests/core/ports/hypervisor_contract.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/tiny_guest.hpp"

namespace neonvm::qemu {

class RealQemu {
 public:
  explicit RealQemu(const Settings& settings = {});
  RealQemu(const Settings& settings, std::unique_ptr<Launcher> launcher);
  ~RealQemu();

  [[nodiscard]] Hypervisor& door() const { return *door_; }
  [[nodiscard]] std::string folder() const { return folder_.path().string(); }
  MachineSpec machine(const std::string& name, const std::string& vm);
  // Words with the guest of that machine; one connection each, kept.
  support::TinyGuest& guest(const MachineSpec& spec);
  // Booted, and its agent answers.
  bool boots(const MachineSpec& spec);

 private:
  TempDir folder_;
  std::unique_ptr<Hypervisor> door_;
  std::map<std::string, MachineSpec> made_;           // by run_dir
  std::map<std::string, support::TinyGuest> guests_;
};

contracts::HypervisorUnderTest contract_over(std::shared_ptr<RealQemu> qemu);

}  // namespace neonvm::qemu
