// MachineProxy: one machine behind a hypervisor plugin's C table. Private to the hypervisor proxy.
#pragma once

#include <memory>

#include "core/plugin/opened.hpp"
#include "core/ports/hypervisor.hpp"

namespace neonvm::plugin {

class MachineProxy final : public Machine {
 public:
  MachineProxy(std::shared_ptr<Opened> opened, void* handle) : opened_(std::move(opened)), handle_(handle) {}
  ~MachineProxy() override;
  MachineProxy(const MachineProxy&) = delete;
  MachineProxy& operator=(const MachineProxy&) = delete;

  Result<MachineState> inspect(Deadline deadline) override;
  Result<CpuState> set_cpus(std::uint32_t count, Deadline deadline) override;
  Status want_memory(Bytes pluggable, Deadline deadline) override;
  Result<MemoryState> memory(Duration quiet, Deadline deadline) override;
  Status press_power_button(Deadline deadline) override;
  Status quit(Deadline deadline) override;
  Status kill(Deadline deadline) override;
  Status pause(Deadline deadline) override;
  Status resume(Deadline deadline) override;
  Result<std::string> listen(const MachineState& replay, Deadline deadline) override;
  Status migrate_to(const std::string& address, const MigrationSpec& limits, Deadline deadline) override;
  Result<MigrationReport> migration(Deadline deadline) override;
  Status cancel_migration(Deadline deadline) override;
  Status add_forward(const Port& port, Deadline deadline) override;
  Status remove_forward(const Port& port, Deadline deadline) override;
  Result<std::optional<MachineEvent>> next_event(Deadline deadline) override;
  Status wake() override;

 private:
  using Simple = std::int32_t (*neonvm_hypervisor_table::*)(void*, std::int64_t, neonvm_error*);
  using ForPort = std::int32_t (*neonvm_hypervisor_table::*)(void*, const neonvm_port*, std::int64_t, neonvm_error*);
  Status run(Simple slot, std::string_view name, Deadline deadline);
  Status run(ForPort slot, std::string_view name, const Port& port, Deadline deadline);
  [[nodiscard]] const neonvm_hypervisor_table& table() const { return opened_->table<neonvm_hypervisor_table>(); }

  std::shared_ptr<Opened> opened_;
  void* handle_;
};

}  // namespace neonvm::plugin
