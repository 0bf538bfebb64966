// DHCP (RFC 2131, RFC 2132) as far as a server needs it that has one client and one address to give.
//
// Called by daemon/dhcp_server. Pure. What cannot be read, or is not for that client, has no answer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/ip_address.hpp"

namespace neonvm::wire {

using DhcpMac = std::array<std::uint8_t, 6>;

enum class DhcpKind : std::uint8_t { discover = 1, offer = 2, request = 3, decline = 4, ack = 5, nak = 6, release = 7, inform = 8 };

// "02:00:5e:10:00:01". invalid_argument.
Result<DhcpMac> parse_mac(std::string_view text);

// What the client may have, for ever. IPv4 all of it.
struct DhcpLease {
  DhcpMac mac{};                       // of the only client
  IpAddress address;
  std::uint8_t prefix = 30;
  IpAddress server;                    // also its router
  std::optional<IpAddress> name_server;
  std::string host_name;               // empty: none is told
  std::uint32_t mtu = 0;               // bytes; 0: none is told
};

struct DhcpQuestion {
  DhcpKind kind = DhcpKind::discover;
  std::uint32_t id = 0;                // the client's xid
  std::uint16_t seconds = 0, flags = 0;
  IpAddress client = ipv4(0);          // that it has already
  IpAddress relay = ipv4(0);
  DhcpMac mac{};
  std::optional<IpAddress> wanted, server;
};

// none: no request of a client with an Ethernet address.
std::optional<DhcpQuestion> decode_dhcp(std::string_view packet);
// The packet to broadcast; none: nothing is to be said to that.
std::optional<std::string> answer_dhcp(const DhcpQuestion& question, const DhcpLease& lease);

}  // namespace neonvm::wire
