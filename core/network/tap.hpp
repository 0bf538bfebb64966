// Tap: a network device whose other end is a file: QEMU's, or a test's.
//
// Called by daemon/overlay_ports and tests. A created one outlives its descriptors (persistent) until remove_link; a plugged one goes with
// its last. Needs CAP_NET_ADMIN to make one;
// its owner may open it without. Failure: as netlink.hpp, and not_found without /dev/net/tun.
#pragma once

#include <sys/types.h>

#include "core/network/links.hpp"

namespace neonvm::network {

struct TapOptions {
  std::string name;
  uid_t owner = 0;                     // who may open it
  bool multi_queue = false;            // one descriptor a queue: as QEMU's queues=N wants it
};

Result<Link> create_tap(Netlink& netlink, const TapOptions& options);
// A descriptor that frames are written to and read from, each with no header in front unless vnet_header. The caller closes it.
Result<int> open_tap(const std::string& name, bool multi_queue, bool vnet_header);

// A new tap that is up, in the bridge, and takes packets as large as the bridge's. The descriptor has a header in front of each frame, as
// QEMU's vnet_hdr=on wants it. already_exists: somebody has it open; not_found: there is no such bridge.
struct PluggedTap {
  int fd = -1;
  std::uint32_t mtu = 0;
};
Result<PluggedTap> plug_tap(Netlink& netlink, const std::string& name, const std::string& bridge);

}  // namespace neonvm::network
