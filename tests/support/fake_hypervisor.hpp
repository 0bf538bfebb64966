// FakeHypervisor: a hypervisor that works, in memory: machines with slots, memory that moves, migrations, bad luck.
//
// For tests of the daemons and for benchmarks with many machines; passes the same contract suite as the real plugin.
// A FakeWorld is what survives a holder: machines by run_dir, disks in use, addresses of migrations. Several
// FakeHypervisors (runners, nodes) may share one world. It opens no socket and starts no thread; time is the monotonic
// clock, read when somebody asks or waits, so an idle machine costs nothing.
//
// Threads: everything may be called from any thread. Lifetime: machines live in the world until they end.
// Failure: as FakeBehaviour says.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/ports/hypervisor.hpp"

namespace neonvm::fakes {

// How a machine behaves. Set for a VM name before its start, or at any time later.
struct FakeBehaviour {
  Duration start_lag{};                   // start() takes so long
  std::optional<Error> start_fails;
  bool hung = false;                      // answers no command until its deadline; kill() still works
  Duration cpu_lag{};                     // until a slot is filled or emptied
  std::set<std::uint32_t> silent_cpus;    // slots that never move and never say why
  std::set<std::uint32_t> refusing_cpus;  // slots that refuse to be emptied
  bool cpu_unplug_unsafe = false;         // set_cpus() below what is present is refused, as under TCG
  Duration memory_lag{};                  // per step
  Bytes memory_step{0};                   // 0: all at once
  Bytes memory_in_use{0};                 // pluggable memory that cannot leave
  Bytes memory_ceiling{UINT64_MAX};       // pluggable memory that the guest takes at most (no driver: 0)
  bool ignores_power_button = false;
  Duration power_off_lag{};
  Duration migration_lag{};               // of the copy
  Duration migration_downtime = std::chrono::milliseconds(5);
  bool migration_hangs = false;           // active for ever, until cancelled
  std::string migration_fails;            // failed with this text at the end of the copy
};

struct FakeProcess;  // one "QEMU"

class FakeWorld {
 public:
  FakeWorld();
  ~FakeWorld();

  void behave(const std::string& vm_name, FakeBehaviour behaviour);
  void behave_by_default(FakeBehaviour behaviour);

  // Bad luck, by run_dir. False: no live machine there.
  bool kill(const std::string& run_dir, const std::string& why = "QEMU killed by signal 9");
  bool panic(const std::string& run_dir);
  bool power_off(const std::string& run_dir);  // the guest does it by itself
  bool reboot(const std::string& run_dir);

  // For assertions.
  [[nodiscard]] std::vector<std::string> alive();  // run_dirs
  [[nodiscard]] std::optional<MachineState> state(const std::string& run_dir);
  [[nodiscard]] std::optional<std::string> disk_holder(const std::string& path);  // run_dir
  [[nodiscard]] std::uint64_t starts();
  // A VM (by uuid) was running in two machines at once, or a disk was written by two: must stay empty.
  [[nodiscard]] std::vector<std::string> crimes();

 private:
  friend class FakeMachine;
  friend class FakeHypervisor;
  friend struct FakeProcess;
  using Lock = std::unique_lock<std::mutex>;
  using Process = std::shared_ptr<FakeProcess>;

  // All with mutex_ held.
  Process find(const std::string& run_dir);
  void at(const Process& process, Instant when, std::function<void()> action);
  void run_due(Instant now);
  bool wait_until(Lock& lock, Deadline deadline, const std::function<bool()>& done);
  // For its events. Hundreds of machines are listened to at once: what one of them does must not wake those who listen to others.
  void listen_to(FakeProcess& process, Lock& lock, Deadline deadline);
  void emit(FakeProcess& process, MachineEvent event);
  void end(FakeProcess& process, MachinePhase phase, const std::string& why);
  void release_disks(const FakeProcess& process);
  Status take_disks(const FakeProcess& process);
  void note_crimes();
  void end_migration_of(FakeProcess& process, const std::string& why);
  [[nodiscard]] FakeBehaviour behaviour_of(const FakeProcess& process) const;
  void move_slot(const Process& process, std::uint32_t slot, bool fill);
  [[nodiscard]] Bytes reachable_memory(const FakeProcess& process) const;
  void step_memory(const Process& process, std::uint64_t order);
  void begin_migration(const Process& source, const std::string& address, std::uint64_t order);
  void finish_migration(const Process& source, std::uint64_t order);
  void fail_migration(FakeProcess& source, const std::string& why);

  std::mutex mutex_;
  std::condition_variable changed_;
  struct Due {
    std::weak_ptr<FakeProcess> of;
    std::function<void()> action;
  };
  std::multimap<Instant, Due> due_;
  std::map<std::string, Process> by_run_dir_;
  std::map<std::string, Process> listening_;             // address -> target
  std::map<std::string, std::string> writers_;           // disk -> run_dir
  std::map<std::string, std::set<std::string>> readers_;
  std::map<std::string, FakeBehaviour> behaviours_;
  FakeBehaviour default_behaviour_;
  std::vector<std::string> crimes_;
  std::uint64_t starts_ = 0;
  std::int64_t next_pid_ = 1000;
};

class FakeHypervisor final : public Hypervisor {
 public:
  explicit FakeHypervisor(std::shared_ptr<FakeWorld> world);

  std::vector<Capability> probe(Deadline deadline) override;
  Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, Deadline deadline) override;
  Result<std::unique_ptr<Machine>> attach(const MachineSpec& spec, Deadline deadline) override;
  // Makes a real, small file, so that whoever looks for the disk finds it.
  Status create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline deadline) override;

 private:
  std::shared_ptr<FakeWorld> world_;
};

}  // namespace neonvm::fakes
