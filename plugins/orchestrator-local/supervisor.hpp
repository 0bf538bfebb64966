// Supervisor: looks after all runners of a home, on a thread of its own: one process a home, `neonvm serve`.
//
// It adopts the runners that it finds, keeps their status up to date, and carries out stops. Event-driven: processes by
// pidfd, sockets by inotify, wishes by a watch on the store. Lifetime: its destructor leaves every runner running.
// Failure: what the store refuses is tried again each second; a watch that breaks likewise.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugins/orchestrator-local/local_watch.hpp"
#include "plugins/orchestrator-local/runner_life.hpp"

namespace neonvm::local {

class Supervisor {
 public:
  static Result<std::unique_ptr<Supervisor>> start(std::shared_ptr<Store> store, StopMargins margins,
                                                   Deadline deadline);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

 private:
  Supervisor(std::shared_ptr<Store> store, StopMargins margins, std::unique_ptr<LocalWatch> watch, UniqueFd kick,
             UniqueFd inotify);
  void listen();
  void run();
  void kick() const;
  void take_changes();
  void take(const Change& change);
  Instant step_all();
  void wait(Instant until);

  const std::shared_ptr<Store> store_;
  const StopMargins margins_;
  const std::unique_ptr<LocalWatch> watch_;
  const UniqueFd kick_, inotify_;
  std::atomic<bool> ending_{false};

  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<Change> changes_;  // from the listener to the supervisor's thread

  std::map<std::string, RunnerLife> lives_;  // by uid; the supervisor's thread only
  std::thread listener_, thread_;
};

}  // namespace neonvm::local
