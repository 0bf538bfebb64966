// FakeProcess, FakeMachine: one fake QEMU, and a hold on it. Private to the fake hypervisor.
//
// All of FakeProcess is guarded by the world's mutex.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <set>
#include <string>

#include "tests/support/fake_hypervisor.hpp"

namespace neonvm::fakes {

struct FakeProcess {
  MachineSpec spec;
  MachineState state;
  std::set<std::uint32_t> slots;
  std::deque<MachineEvent> events;
  std::multiset<Instant> due;       // what will happen to it, of the world's
  std::condition_variable stirred;  // an event came, it ended, or something is due sooner
  bool woken = false;
  std::string gone_why;
  bool alive = true;
  bool held = false;
  std::uint64_t memory_order = 0;   // a newer wish makes the steps of older ones void
  Instant memory_moved{};
  MigrationReport migration;
  std::uint64_t migration_order = 0;
  std::string listening;
  std::weak_ptr<FakeProcess> peer;  // the other side while a migration runs, and after it
  std::set<std::pair<Protocol, std::uint16_t>> forwards;  // by host port

  [[nodiscard]] bool migrating() const;
};

class FakeMachine final : public Machine {
 public:
  FakeMachine(std::shared_ptr<FakeWorld> world, std::shared_ptr<FakeProcess> process);
  ~FakeMachine() override;

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
  using Lock = FakeWorld::Lock;
  // Waits while the machine is hung; then says whether it can take a command.
  Status ready(Lock& lock, Deadline deadline);

  std::shared_ptr<FakeWorld> world_;
  std::shared_ptr<FakeProcess> process_;
};

}  // namespace neonvm::fakes
