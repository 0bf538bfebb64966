// LiveMigration: one side of moving a running VM from one QEMU to another.
//
// Used by qemu_machine, on the source and on the target. What it takes care of (lab-virt.md 0, 5): `return-path` and
// `events` on both sides, so that "completed" is true; disks are taken by the target only when it is told to run; a copy
// that stands still is given up, for QEMU itself waits for ever; post-copy only when it was allowed.
// Threads: all methods from any thread; at most one of begin() and cancel() at a time; on_event() on the QMP thread.
// Failure: that of QMP. A migration that fails is no failure of a call but a report, and the VM runs on at the source.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

class LiveMigration {
 public:
  LiveMigration(Monitor& monitor, const Settings& settings);

  Status listen(const std::string& uri, Deadline deadline);
  // stand_still: the VM is stopped before the copy and goes on, here or there, after it.
  Status begin(const std::string& uri, const MigrationSpec& limits, bool stand_still, Deadline deadline);
  Status cancel(Deadline deadline);
  // Asks QEMU, gives up what stands still, and says where it is.
  Result<MigrationReport> report(Deadline deadline);

  [[nodiscard]] bool under_way();
  // Without asking: as it was when something was last heard.
  [[nodiscard]] MigrationReport last_known();
  // The process is gone: what was under way has failed, unless QEMU had said that it completed. True when that is news.
  bool process_ended(const std::string& why);

  void on_event(const QmpEvent& event);
  std::optional<Instant> next_look();
  // The report, if it says something new.
  std::optional<MachineEvent> look(Deadline deadline);

 private:
  Status configure(const MigrationSpec& limits, Deadline deadline);
  void reset(const MigrationSpec& limits, bool stand_still);
  void note(const MigrationInfo& info);
  std::optional<QmpCommand> what_to_do(const MigrationInfo& info);

  Monitor& monitor_;
  const Duration stall_;
  const std::uint32_t downtime_ms_;

  std::mutex mutex_;
  MigrationReport report_;
  MigrationReport told_;
  std::optional<Instant> next_look_;
  bool source_ = false;
  bool ordering_ = false;       // between our decision and QEMU's answer: what it tells is of the migration before
  bool has_completed_ = false;  // QEMU said so, perhaps before its figures were there
  bool stands_still_ = false;   // we stopped the VM, and make it go on if it has to stay
  bool post_copy_allowed_ = false, post_copy_asked_ = false;
  Instant progressed_;
  std::string last_position_;   // status, passes and bytes; unchanged: it stands still
  std::optional<Instant> give_up_at_;
  std::string given_up_;        // why we cancelled it ourselves
};

// Pure.
MigrationState migration_state_of(const std::string& status);
bool is_over(MigrationState state);

}  // namespace neonvm::qemu
