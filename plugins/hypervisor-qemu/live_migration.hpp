// LiveMigration: one side of moving a running VM from one QEMU to another.
//
// Used by qemu_machine, on the source and on the target. What it takes care of (lab-virt.md 0, 5): `return-path` and
// `events` on both sides, so that "completed" is true; disks are taken by the target only when it is told to run; a copy
// that stands still is given up, for QEMU itself waits for ever; post-copy only when it was allowed. Disks that the
// machine carries go first (disk_copies.hpp): QEMU does not do that by itself, whoever asks for the report drives it on.
// Threads: all methods from any thread; at most one of begin() and cancel() at a time; on_event() on the QMP thread.
// Failure: that of QMP. A migration that fails is no failure of a call but a report, and the VM runs on at the source.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/disk_copies.hpp"
#include "plugins/hypervisor-qemu/migration_place.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"

namespace neonvm::qemu {

class LiveMigration {
 public:
  LiveMigration(Monitor& monitor, const Settings& settings, const MachineSpec& spec);

  Status listen(const MigrationPlace& place, Deadline deadline);
  // stand_still: the VM is stopped before its memory is copied and goes on, here or there, after it.
  Status begin(const MigrationPlace& place, const MigrationSpec& limits, bool stand_still, Deadline deadline);
  // Of a holder that is gone: what only that one could have driven on is undone.
  Status take_over(Deadline deadline);
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
  Status use_tls(const MigrationPlace& place, bool server, Deadline deadline);
  Status configure(const MigrationSpec& limits, Deadline deadline);
  void reset(const MigrationSpec& limits, bool stand_still);
  Status begin_with_disks(const MigrationPlace& place, std::uint64_t bandwidth, Deadline deadline);
  Status send_memory(Deadline deadline);
  [[nodiscard]] CarryStage stage();
  void enter(CarryStage stage);
  Result<MigrationReport> drive(Deadline deadline);
  void perform(CarryDeed deed, Deadline deadline);
  [[nodiscard]] std::string status_with_disks(const std::string& status) const;
  void note(const MigrationInfo& info, const DiskCopies::State& disks);
  void note_progress(const MigrationInfo& info, const DiskCopies::State& disks, Instant now);
  bool judge(const MigrationInfo& info);  // true: given up just now
  std::optional<QmpCommand> post_copy(const MigrationInfo& info);
  std::optional<QmpCommand> what_to_do(const MigrationInfo& info);

  Monitor& monitor_;
  const MachineSpec& spec_;
  const Duration stall_;
  const std::uint32_t downtime_ms_;

  std::mutex driving_;          // taken before mutex_, and only tried: who finds it taken hears what was last known
  DiskCopies copies_;           // guarded by driving_

  std::mutex mutex_;
  MigrationReport report_;
  MigrationReport told_;
  std::optional<Instant> next_look_;
  bool source_ = false;
  bool ordering_ = false;       // between our decision and QEMU's answer: what it tells is of the migration before
  bool has_completed_ = false;  // QEMU said so, perhaps before its figures were there
  bool stand_still_ = false;    // what begin() was told
  bool stands_still_ = false;   // we stopped the VM, and make it go on if it has to stay
  // With disks.
  CarryStage stage_ = CarryStage::none;
  Duration disks_stall_{};      // how long the disks may stand still: a low limit of the bandwidth makes long steps
  bool carrying_ = false;       // the order that was given last
  bool memory_begun_ = false;   // before, what QEMU tells of a migration is of the one before
  bool cancel_asked_ = false;
  std::string uri_;
  Bytes disks_total_, disks_copied_;
  Instant begun_;
  Duration before_memory_{};
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
