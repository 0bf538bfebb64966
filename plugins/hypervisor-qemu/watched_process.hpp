// WatchedProcess: a QEMU as the kernel knows it: alive or ended, and how it ended.
//
// Used by the launchers and qemu_machine. A pid alone is no name, it may be given to another process: a ProcessId has
// the start time with it, and signals go through a pidfd where the kernel has one.
// A child of ours is reaped as soon as it ends, by a thread that does only that, whether or not anybody still holds its
// machine: no zombie stays. Threads: all methods from any thread. Lifetime: shared; the same process is the same object
// while it lives. Failure: of a process that is no child of ours nobody learns how it ended, only that it did.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // field 22 of /proc/<pid>/stat, clock ticks since boot
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// Of a live process; a zombie is not alive.
std::optional<ProcessId> identify(pid_t pid);

class WatchedProcess {
 public:
  // A child that was just made: begins to wait for it.
  static std::shared_ptr<WatchedProcess> adopt(ProcessId child);
  // Any process; none when it does not live any more.
  static std::shared_ptr<WatchedProcess> find(ProcessId process);

  [[nodiscard]] pid_t pid() const { return id_.pid; }
  bool wait_end(Deadline deadline);  // true: it has ended
  // "QEMU was killed by signal 9 (Killed)", "QEMU exited with status 1", "QEMU ended"
  std::string how_it_ended();
  // False when it has ended already.
  bool signal(int number);

 private:
  WatchedProcess(ProcessId id, bool child);
  void reap();
  bool wait_foreign(Deadline deadline) const;

  const ProcessId id_;
  const bool child_;
  UniqueFd pidfd_;  // none on a kernel before 5.3
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace neonvm::qemu
