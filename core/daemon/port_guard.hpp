// PortGuard: holds the VMs of this node to their own addresses in the overlay network (decide/port_guard).
//
// Used by OverlayPorts. Each change replaces the table in one transaction; the table stays when the process ends, and its successor
// takes over without a packet's gap. In the calling thread's network namespace. Threads: any; calls wait for each other. Failure: what
// nftables said; then nothing has changed, and the port that was to be guarded must not be given.
#pragma once

#include <mutex>
#include <string>

#include "core/decide/port_guard.hpp"

namespace neonvm::daemon {

class PortGuard {
 public:
  // network: the overlay's VNI.
  explicit PortGuard(std::uint32_t network) : network_(network) {}

  // These and no others.
  Status begin(decide::GuardedPorts ports);
  Status add(const std::string& device, const decide::GuardedPort& port);
  Status remove(const std::string& device);
  // Puts back what somebody else has changed.
  Status keep();

 private:
  Status apply(decide::GuardedPorts ports);

  const std::uint32_t network_;
  std::mutex mutex_;
  decide::GuardedPorts ports_;
  std::string listed_;                 // as the kernel had it after the last change
};

// Whatever a guard has left.
Status remove_port_guard(std::uint32_t network);

}  // namespace neonvm::daemon
