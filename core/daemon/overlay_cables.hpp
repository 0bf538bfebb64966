// overlay_cables: a node's part of the overlay network as the kernel has it, made what it should be.
//
// Called by daemon/overlay on a worker, one call at a time; blocks for as long as the kernel takes, milliseconds. What is right
// already is not touched, so that a daemon that starts anew disturbs no packet. In the calling thread's network namespace.
// Failure: the first thing that could not be done; what was done before stays, and the next call goes on from there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/decide/overlay.hpp"
#include "core/model/result.hpp"

namespace neonvm::daemon {

// The rules as this process gave them, and as nftables lists them: what is listed otherwise is not ours any more.
struct AppliedRules {
  std::string given, listed;
};

struct CablesReport {
  std::string underlay;                // the device with the node's address
  std::uint32_t mtu = 0;               // of the overlay
  std::size_t flooded = 0, dropped = 0;  // entries of the forwarding table
  std::vector<std::string> deeds;      // what was made or changed beside them, for the log
};

// permission_denied, with what is lacking, when this process could do nothing of the following.
Status may_lay_cables();
// rules: what this process applied last; empty at first. Applied when others are wanted, or when somebody has changed them.
Result<CablesReport> lay_cables(const decide::OverlaySettings& settings, const decide::OverlayWish& wish, AppliedRules& rules);
// Bridge, VXLAN and rules go. Idempotent. Whoever was plugged into the bridge is left without.
Result<CablesReport> remove_cables(const decide::OverlaySettings& settings);

}  // namespace neonvm::daemon
