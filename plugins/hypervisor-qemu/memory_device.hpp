// PluggableMemory: the virtio-mem device of one QEMU: the wish, and what came of it.
//
// Used by qemu_machine. QEMU tells of the first step at once and then at most once a second, so the last figure is
// asked for: look() is due while the device is on its way, and rests when it has arrived or nothing moves any more.
// A guest that had no room to manage more memory tries again after the better part of a minute, and then later and
// later; told anew it tries at once. So a growth that stands still is told anew, at first after a second.
// Threads: all methods from any thread. Failure: that of QMP; memory that cannot move is no failure but a MemoryState
// with a reason.
#pragma once

#include <mutex>
#include <optional>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"

namespace neonvm::qemu {

class PluggableMemory {
 public:
  explicit PluggableMemory(Monitor& monitor);

  Status want(Bytes size, Deadline deadline);
  Result<MemoryState> state(Duration quiet, Deadline deadline);
  // After a migration the guest's driver may sleep for minutes over what it was told before: tell it anew.
  Status nudge(Deadline deadline);

  std::optional<MachineEvent> on_event(const QmpEvent& event);
  // When look() should be called; none: not before something else happens.
  std::optional<Instant> next_look();
  // The size now, if it is another than the last one that was told. may_nudge: not while a migration is under way.
  std::optional<MachineEvent> look(bool may_nudge, Deadline deadline);

 private:
  Result<std::optional<MemoryDevice>> read(Deadline deadline);
  bool note(const MemoryDevice& device);  // true: the size is news
  bool nudge_is_due(const MemoryDevice& device);
  void moved_now();                       // with mutex_ held
  Status tell_anew(const MemoryDevice& device, Deadline deadline);

  Monitor& monitor_;
  std::mutex mutex_;
  std::optional<Bytes> size_, wish_;
  Instant moved_;
  std::optional<Instant> next_look_;
  Duration pace_{};
  Instant next_nudge_;
  Duration nudge_pace_{};
};

// Pure. Why asked and actual differ, for people: "512Mi are in use in the guest".
std::string why_not_there(Bytes asked, Bytes actual);

}  // namespace neonvm::qemu
