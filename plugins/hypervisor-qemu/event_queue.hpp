// EventQueue: what happened to a machine, until somebody asks.
//
// Used by qemu_machine: filled on the QMP thread, emptied by next_event(). Bounded however long nobody asks: of kinds
// that only tell where something stands now, the newest replaces the older ones. Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"

namespace neonvm::qemu {

class EventQueue {
 public:
  void push(MachineEvent event);
  // The last event of all: delivered after the others, and at every later call again. The first reason stays.
  void end(const std::string& why);
  // Makes one waiting pop() return none before its deadline: there is something else to look after.
  void wake();
  std::optional<MachineEvent> pop(Deadline deadline);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<MachineEvent> events_;
  std::optional<std::string> ended_;
  bool woken_ = false;
};

}  // namespace neonvm::qemu
