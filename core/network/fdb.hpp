// The forwarding table of a VXLAN: which Ethernet address is behind which node; and all zeros: where to send what is for
// everybody, or for nobody known yet (head-end replication, RFC 7348 §4.2 without its multicast).
//
// Called by daemon/overlay. Errors and threads: netlink.hpp.
#pragma once

#include <vector>

#include "core/network/links.hpp"

namespace neonvm::network {

struct FdbEntry {
  MacAddress mac{};
  IpAddress node;
  bool permanent = false;              // false: learnt from a packet

  [[nodiscard]] bool floods() const { return mac == MacAddress{}; }
};

Result<std::vector<FdbEntry>> fdb(Netlink& netlink, int vxlan);
// Permanent, beside others of the same address. Idempotent.
Status append_fdb(Netlink& netlink, int vxlan, const FdbEntry& entry);
Status remove_fdb(Netlink& netlink, int vxlan, const FdbEntry& entry);  // idempotent

}  // namespace neonvm::network
