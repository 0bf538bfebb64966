// overlay: what a node's part of the overlay network has to be: whom it reaches, how large its packets are, which rules guard it.
//
// The overlay is one Ethernet over all nodes: a bridge on each, and VXLAN (RFC 7348) between the bridges; what is for everybody is
// sent to each node that is in the flood list. Called by daemon/overlay. Pure.
// Laws: own addresses are never in the list; every other node with an address of the right family is, once; nothing else is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/model/result.hpp"

namespace neonvm::decide {

struct OverlaySettings {
  std::string node;                          // whose part this is
  std::string bridge = "neon-br0", vxlan = "neon-vxlan0";   // as upstream calls them
  std::uint32_t id = 100;                    // VNI, below 2^24
  std::uint16_t port = 4789;                 // UDP
  std::uint32_t mtu = 0;                     // of the overlay, bytes; 0: what the node's own link leaves room for
};

// invalid_argument: what is out of range, in the words of the command's options.
Status check(const OverlaySettings& settings);

struct OverlayNode {
  std::string name;
  std::vector<IpAddress> addresses;          // the preferred one first

  friend bool operator==(const OverlayNode&, const OverlayNode&) = default;
};

struct OverlayWish {
  IpAddress local;                           // of this node: packets between nodes come from it
  std::set<IpAddress> peers;                 // of the other nodes, all of its family
  std::vector<std::string> unreachable;      // nodes without an address of that family, sorted

  friend bool operator==(const OverlayWish&, const OverlayWish&) = default;
};

// All nodes have to be known. not_found: `own` is not among them, or has no address yet; then nothing may be concluded.
Result<OverlayWish> overlay_wish(const std::string& own, const std::vector<OverlayNode>& nodes);

// What a VXLAN packet leaves of `underlay` bytes: 14 for the inner Ethernet header, 8 each for VXLAN and UDP, 20 for IPv4 or 40
// for IPv6 (RFC 7348 §5). Not below 68, the least of IPv4.
std::uint32_t overlay_mtu(std::uint32_t underlay, IpFamily family);

// An entry of the VXLAN's forwarding table. floods: for everybody; else learnt, or put there by somebody.
struct SeenEntry {
  bool floods = false;
  IpAddress node;
};
struct FdbChange {
  std::vector<IpAddress> flood;              // not in the list yet
  std::vector<std::size_t> drop;             // positions in what was seen: nodes that are gone, learnt entries as well
};
FdbChange fdb_change(const std::set<IpAddress>& peers, const std::vector<SeenEntry>& seen);

// For `nft -f`, one transaction that replaces whatever stood in our table:
// - overlay packets are taken from known nodes only;
// - connection tracking, and so everybody's masquerading, leaves the overlay alone (bridged packets pass through it where
//   br_netfilter is on, and a connection that came with a migrated VM looks invalid to it);
// - nothing from the overlay gets into the node itself or is routed through it, nor the other way.
std::string overlay_rules(const OverlaySettings& settings, const OverlayWish& wish);
// The same, for when the overlay is gone.
std::string no_overlay_rules(const OverlaySettings& settings);
std::string overlay_table(const OverlaySettings& settings);   // its name, of family inet

// A port is a tap on the bridge, for one pod's VM. The pod is told of by the folder that it shares with the node, "NAMESPACE_POD".
std::string port_device(const std::string& folder);           // 15 letters, the same for the same folder
bool is_port_device(const std::string& device);

}  // namespace neonvm::decide
