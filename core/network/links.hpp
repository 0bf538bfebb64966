// Links: the network devices of this namespace: bridges, VXLANs, taps and what they are plugged into; and their addresses.
//
// Called by daemon/overlay and daemon/runner. Errors and threads: netlink.hpp. What is made has no IPv6 link-local address: a
// host has no business in its guests' network.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/network/netlink.hpp"

namespace neonvm::network {

using MacAddress = std::array<std::uint8_t, 6>;
std::string to_string(const MacAddress& mac);              // "02:00:5e:10:00:01"

struct VxlanFacts {
  std::uint32_t id = 0;                                    // VNI, 24 bits
  std::uint16_t port = 4789;                               // UDP (RFC 7348)
  IpAddress local;                                         // where its packets come from; any (0): the kernel chooses
  bool learning = true;

  friend bool operator==(const VxlanFacts&, const VxlanFacts&) = default;
};

struct Link {
  int index = 0;
  std::string name;
  std::string kind;                                        // "bridge", "vxlan", "tun", "veth", …; empty: hardware, loopback
  MacAddress mac{};
  std::uint32_t mtu = 0;                                   // bytes of an IP packet
  bool up = false;
  bool loopback = false;
  int master = 0;                                          // index of its bridge; 0: none
  std::optional<VxlanFacts> vxlan{};
};

struct LinkAddress {
  int link = 0;
  IpAddress address;
  std::uint8_t prefix = 32;
};

// permission_denied: what follows, beside the looking, would be refused to this thread in this namespace.
Status may_change(Netlink& netlink);

Result<std::vector<Link>> links(Netlink& netlink);
// not_found, with the name, when there is none.
Result<Link> find_link(Netlink& netlink, const std::string& name);

// Down, with no ports. already_exists when the name is taken.
Result<Link> create_bridge(Netlink& netlink, const std::string& name, std::uint32_t mtu);
Result<Link> create_vxlan(Netlink& netlink, const std::string& name, const VxlanFacts& facts, std::uint32_t mtu);
// Both ends of a cable.
Status create_veth(Netlink& netlink, const std::string& name, const std::string& peer);
Status remove_link(Netlink& netlink, int index);

// Of what was made elsewhere: no link-local address when it is set up. What is made here has none anyway.
Status without_ipv6(Netlink& netlink, int index);
Status set_up(Netlink& netlink, int index);
Status set_mtu(Netlink& netlink, int index, std::uint32_t mtu);
Status set_mac(Netlink& netlink, int index, const MacAddress& mac);
// Of one device, over netlink, so without writing to /proc/sys (IFLA_INET_CONF, net/ipv4/devinet.c).
struct Ipv4Routing {
  bool forwarding = false;                                 // packets that came in there go on elsewhere
  bool route_localnet = false;                             // 127.0.0.0/8 may be there, too
};
Status set_ipv4(Netlink& netlink, int index, const Ipv4Routing& routing);
// Plugs it into a bridge; 0 unplugs it.
Status set_master(Netlink& netlink, int index, int bridge);

Result<std::vector<LinkAddress>> addresses(Netlink& netlink);
Status add_address(Netlink& netlink, const LinkAddress& address);      // already_exists
Status remove_address(Netlink& netlink, const LinkAddress& address);   // not_found

}  // namespace neonvm::network
