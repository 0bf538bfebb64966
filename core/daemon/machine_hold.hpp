// MachineHold: one Machine and the two threads that its blocking calls need: one for commands, one for events.
//
// Used by the runner. All methods on the loop's thread; callbacks on it too. Commands run one after the other in the
// order given, each with its own deadline counted from when it begins. Lifetime: destruction detaches (the VM runs on);
// it waits for the command under way. Failure: after `gone` every command fails with not_found; on_lost means that the
// machine cannot be talked to any more though it may run: detach, and let a successor attach.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "core/ports/hypervisor.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

class MachineHold {
 public:
  MachineHold(runtime::Loop& loop, std::unique_ptr<Machine> machine, std::function<void(MachineEvent)> on_event,
              std::function<void(std::string)> on_lost);
  ~MachineHold();
  MachineHold(const MachineHold&) = delete;
  MachineHold& operator=(const MachineHold&) = delete;

  // Runs work(machine, deadline) on the command thread and done(its result) on the loop.
  template <typename Work, typename Done>
  void command(Duration limit, Work work, Done done) {
    enqueue([this, limit, work = std::move(work), done = std::move(done)]() mutable {
      auto result = std::make_shared<decltype(work(*machine_, Deadline{}))>(
          work(*machine_, std::chrono::steady_clock::now() + limit));
      deliver([result, done = std::move(done)]() mutable { done(std::move(*result)); });
    });
  }

 private:
  void enqueue(std::function<void()> task);
  void deliver(std::function<void()> task);
  void run_commands();
  void run_events();

  runtime::Loop& loop_;
  std::unique_ptr<Machine> machine_;
  std::function<void(MachineEvent)> on_event_;
  std::function<void(std::string)> on_lost_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // loop thread only
  const bool wakes_;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::thread commands_, events_;
};

}  // namespace neonvm::daemon
