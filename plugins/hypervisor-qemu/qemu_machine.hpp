// QemuMachine: a hold on one live QEMU; the Machine door, each call sent to the file that knows.
//
// Made by qemu_hypervisor. Threads and lifetime: as core/ports/hypervisor.hpp says. Holding run_dir/holder.lock is what
// makes it the only one. Failure: not_found once QEMU has ended, except inspect(), migration() and kill().
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "core/ports/hypervisor.hpp"
#include "plugins/hypervisor-qemu/cpu_slots.hpp"
#include "plugins/hypervisor-qemu/event_queue.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/forwards.hpp"
#include "plugins/hypervisor-qemu/live_migration.hpp"
#include "plugins/hypervisor-qemu/memory_device.hpp"
#include "plugins/hypervisor-qemu/monitor_link.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

class QemuMachine final : public Machine {
 public:
  struct Hold {
    MachineSpec spec;
    std::shared_ptr<WatchedProcess> process;
    UniqueFd holder_lock;
    std::uint64_t log_start = 0;  // where this QEMU's words begin in its log
  };
  QemuMachine(Hold hold, const Settings& settings);
  ~QemuMachine() override;

  // Connects to the monitor and learns what does not change. To be called once, first.
  Status begin(Deadline deadline);

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
  Result<std::string> run_state(Deadline deadline);
  Status command(const char* name, Deadline deadline);
  Status not_while_migrating(const char* what);
  Result<NetworkEnd> user_network() const;
  [[nodiscard]] MigrationPlace place() const;
  Result<bool> loses_writes(Deadline deadline);
  Status replay_slots(const MachineState& replay, Deadline deadline);
  void hear(const QmpEvent& event);
  void hear_end_of_guest(const QmpEvent& event);
  void set_end(MachinePhase phase);
  void gone();
  void look_around(Deadline deadline);
  [[nodiscard]] std::string why_gone();

  const Hold hold_;
  std::mutex mutex_;
  MachineState last_state_;
  MachinePhase end_ = MachinePhase::gone;  // what inspect() says after the end
  std::string stop_reason_;                // of the next STOP: an I/O error
  std::string end_reason_;
  bool base_loses_writes_ = false;         // set by begin()
  std::atomic<bool> came_by_migration_{false};
  std::atomic<bool> woken_{false};         // by wake(), before the queue is
  EventQueue events_;
  MonitorLink link_;                       // its thread uses everything here: closed first
  CpuSlots cpus_;
  PluggableMemory memory_;
  LiveMigration migration_;
};

}  // namespace neonvm::qemu
