// pod_network: what a runner's pod does to be a router for its VM: which device leads out, and the rules.
//
// The VM and its pod are the two ends of a link of four addresses, upstream's, which nobody routes (RFC 3927): so the guest keeps its
// address wherever it migrates to, and the pod's address is translated. No bridge between them: there are two ends only, and where
// br_netfilter is on, a bridge looks at packets before the router does. Called by daemon/pod_network. Pure; IPv4 only.
//
// What the rules do:
//  - the guest's ports are reached at the pod's address, from outside, from the pod itself (kubectl port-forward) and from the guest,
//    and the guest sees who really calls, but for the last two;
//  - the guest reaches out under the pod's address if it may, and the pod's name server at its gateway;
//  - of the pod itself the guest reaches nothing else: neither the runner's door nor what listens on the loopback device;
//  - a DHCP server without privileges answers on a port of its own, and the guest sees the usual one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/model/pod_layout.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

// pod::tap: the pod's end of it has the gateway's address.
constexpr std::array<std::uint8_t, 6> gateway_mac{0x02, 0x00, 0xa9, 0xfe, 0xfe, 0xfd};  // the same everywhere: a guest that moved still knows its gateway
constexpr IpAddress guest_address = ipv4(0xa9fefefe);        // 169.254.254.254
constexpr IpAddress gateway_address = ipv4(0xa9fefefd);      // 169.254.254.253
constexpr std::uint8_t pod_link_prefix = 30;
constexpr std::uint16_t pod_dhcp_port = 6767;
constexpr const char* pod_table = "neonvm_pod";              // of family ip

struct PodNetworkFacts {
  std::string uplink;                                        // the device with the pod's address
  IpAddress pod;                                             // IPv4
  std::optional<IpAddress> name_server;                      // of the pod; none: the guest has none either
  std::vector<Port> ports;                                   // of the guest; under the same numbers at the pod
  bool egress = false;                                       // the guest may begin connections to outside of its pod
};

// For `nft -f`: one transaction that replaces what stood in our table.
std::string pod_network_rules(const PodNetworkFacts& facts);
// The first IPv4 one that a resolv.conf names.
std::optional<IpAddress> name_server_in(std::string_view resolv_conf);
// What the guest's init is told: "neonvm.ip=169.254.254.254/30,169.254.254.253,169.254.254.253".
std::string pod_network_parameter();

}  // namespace neonvm::decide
