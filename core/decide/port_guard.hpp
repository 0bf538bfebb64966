// port_guard: what may come out of a VM's port into the overlay: packets of its own card, from its own address, and nothing else.
//
// Called by daemon/port_guard. Pure. Otherwise a guest could answer for another's address, or speak in its name.
// Law: what one port may does not depend on any other port.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/model/ip_address.hpp"
#include "core/model/result.hpp"

namespace neonvm::decide {

struct GuardedPort {
  std::string mac;                     // "02:00:00:00:00:01"
  IpAddress address;

  friend bool operator==(const GuardedPort&, const GuardedPort&) = default;
};

// By device. Ports that are not in it are not guarded.
using GuardedPorts = std::map<std::string, GuardedPort>;

std::string port_table(std::uint32_t network);                // its name, of family bridge; network: the overlay's VNI

// For `nft -f`, one transaction that replaces whatever stood in that table. Beside the address itself pass:
// - IPv6 addresses that are made of the card's (RFC 4291 appendix A), link-local and of any prefix: there are no two alike;
// - ARP's and ND's questions from nobody (RFC 5227, RFC 4862): whether an address is taken;
// - RARP, by which QEMU tells where a guest is that has moved.
// Never: what speaks for routers, tags of VLANs, other protocols.
std::string port_rules(std::uint32_t network, const GuardedPorts& ports);
// The same, for when nothing is guarded.
std::string no_port_rules(std::uint32_t network);

}  // namespace neonvm::decide
