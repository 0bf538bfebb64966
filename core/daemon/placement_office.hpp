// PlacementOffice: "on which node may this runner start?" The scheduler's answers, as the controller sees them.
//
// Called by daemon/controller; implemented by daemon/scheduler in the same process, and by an HTTP client of a separate
// `neonvm scheduler` (scheduler_client.hpp). Threads: loop thread only; `done` is called exactly once, on the loop, and
// never before the call has returned. Lifetime: the office outlives its callers; answers to a caller that is gone are
// the caller's to guard against.
//
// The name of the runner object, chosen by the controller before it creates the runner, is the key of everything here:
// one name is one life, so asking twice gives the same answer and books the size once. A booking lives until the
// runner's end is seen in the world (object gone, or phase succeeded or failed), or until release().
//
// Failure: out_of_capacity with the reason for people ("no node has 4 CPU, 8Gi free: node1 has 2 CPU, 3Gi"): show it as
// VmStatus::why and ask again when on_room fires; unavailable while the books are being rebuilt or the scheduler is
// away: retry; not_found: the named node does not exist; refused: it exists but may not take this VM.
#pragma once

#include <functional>
#include <string>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::daemon {

struct PlacementAsk {
  Object vm;                       // the VirtualMachine as it is stored
  std::string runner;              // name that the new runner object will have
  std::string node;                // only this one; empty: the scheduler chooses
  std::string away_from;           // never this one (a migration's source); empty: any
};

class PlacementOffice {
 public:
  using Placed = std::function<void(Result<std::string>)>;   // name of the node

  virtual ~PlacementOffice() = default;

  // Books spec use for a new runner.
  virtual void place(const PlacementAsk& ask, Placed done) = 0;
  // Books what the VM has now (the larger of actual and granted) for the target of a migration, beside its source. From
  // now on the VM gets no permit to grow until one of the two runners is gone.
  virtual void reserve_target(const PlacementAsk& ask, Placed done) = 0;
  // The runner was never started, or its end is known here first. Ignored while a live runner of that name is seen.
  virtual void release(const std::string& runner) = 0;
  // Called whenever something that was refused for lack of room may fit now. One listener.
  virtual void on_room(std::function<void()> listener) = 0;
};

}  // namespace neonvm::daemon
