// RunDir: the directory of one running machine, shared by its runner, its QEMU and whoever looks after them.
//
//   runner.json  RunnerSpec, what the runner is started with       runner.sock  the runner's link
//   runner.pid   "<pid> <start ticks> <boot> <runner's name>": its owner, written before the runner's program begins
//   exit.json    RunnerStatus, written by a runner that ends in order
//   stop.json    {"graceMs":N}, written before SIGTERM             spawn.lock   held while a runner is being started
//   qemu.pid, lock   QEMU's; `lock` is open in QEMU for as long as it lives
//
// A machine outlives its runner; the successor gets the same directory and becomes its owner. The files of the runner
// before it are kept under its name (exit-<runner>.json).
#pragma once

#include <optional>
#include <string>

#include "core/model/node.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-local/home.hpp"
#include "plugins/orchestrator-local/process.hpp"

namespace neonvm::local {

class RunDir {
 public:
  struct Owner {
    std::string runner;
    ProcessId process;
    std::string boot;
  };

  explicit RunDir(std::string path) : path_(std::move(path)) {}
  // A new one, mode 0700, under a short random name.
  static Result<RunDir> make(const Home& home);
  // The one of this path; invalid_argument when it is not one of this home.
  static Result<RunDir> existing(const Home& home, const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string spec() const { return path_ + "/runner.json"; }
  [[nodiscard]] std::string socket() const { return path_ + "/runner.sock"; }
  [[nodiscard]] std::string pid_file() const { return path_ + "/runner.pid"; }

  // None: no runner ever began here.
  [[nodiscard]] Result<std::optional<Owner>> owner() const;
  // Waits for whoever starts a runner here; deadline_exceeded.
  [[nodiscard]] Result<UniqueFd> lock_spawn(Deadline deadline) const;
  // Puts away what the last owner left, so that nothing of it is taken for the next one's.
  void hand_over() const;
  // What the runner said when it ended; none when it said nothing or nothing readable.
  [[nodiscard]] std::optional<RunnerStatus> farewell(const std::string& runner) const;
  [[nodiscard]] Status write_stop(Duration grace) const;

  struct Machine {
    bool known = false;                // false: nothing here tells whether it runs
    std::optional<ProcessId> process;  // runs now
  };
  // except: the runner's own pid, which has the lock file open too while it starts QEMU.
  [[nodiscard]] Result<Machine> machine(pid_t except) const;

  [[nodiscard]] bool has_socket() const;
  void remove() const;

 private:
  [[nodiscard]] std::string farewell_file(const std::string& runner) const;
  std::string path_;
};

}  // namespace neonvm::local
