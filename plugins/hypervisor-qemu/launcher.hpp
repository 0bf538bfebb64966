// Launcher: a way to own QEMU processes. One as direct children (launcher_process), one through libvirt.
//
// Called by qemu_hypervisor; everything after the start goes over QMP and is the same for both. The rule that both
// keep: at most one live QEMU a run_dir, however often and by whomever it is started. Files in run_dir:
//   lock           locked by QEMU itself through an inherited descriptor: as long as it lives, and no longer.
//                  Its text is QEMU's pid and start time.
//   holder.lock    held by the process that has the Machine.
//   monitor.sock, monitor-oob.sock    QMP
//   qemu.log       QEMU's stderr, appended
// Threads: any, for different run_dirs. Failure: already_exists when a QEMU lives there, not_found when none does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/command_line.hpp"
#include "plugins/hypervisor-qemu/settings.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"
#include "plugins/hypervisor-qemu/watched_process.hpp"

namespace neonvm::qemu {

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Starts QEMU; it may still end because of what it does not like, see last_words().
  virtual Result<std::shared_ptr<WatchedProcess>> launch(const MachineSpec& spec, const LaunchFacts& facts,
                                                         Deadline deadline) = 0;
  // The QEMU that lives in spec.run_dir.
  virtual Result<std::shared_ptr<WatchedProcess>> find(const MachineSpec& spec, Deadline deadline) = 0;
};

std::unique_ptr<Launcher> make_process_launcher(const Settings& settings = {});
// The one that the settings name, of those that this plugin has: libvirt is a plugin of its own (libvirt_plugin.cpp).
Result<std::unique_ptr<Launcher>> make_launcher(const Settings& settings);

struct RunDir {
  explicit RunDir(const std::string& folder);
  std::string lock, holder, monitor, oob_monitor, log, migration;
};

// An exclusive lock on `path`, which is made when needed; already_exists while somebody else holds it.
Result<UniqueFd> take_lock(const std::string& path);

// The process whose id the file `lock` tells, if the lock is held; none when it is free.
Result<std::optional<ProcessId>> lock_holder(const std::string& lock);

// What QEMU wrote to its log from byte `from` on, without time stamps; at most the last few lines.
std::string last_words(const std::string& log, std::uint64_t from);
std::uint64_t file_size(const std::string& path);

}  // namespace neonvm::qemu
