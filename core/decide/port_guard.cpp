#include "core/decide/port_guard.hpp"

#include <cstdio>

namespace neonvm::decide {
namespace {

// The lower half of addresses that a kernel makes of a card's: "02:00:00:00:00:01" gives 0000:00ff:fe00:0001.
std::string interface_half(const std::string& mac) {
  unsigned b[6] = {};
  (void)std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]);
  char text[24];
  (void)std::snprintf(text, sizeof text, "0x%02x%02x%02xfffe%02x%02x%02x", b[0] ^ 2U, b[1], b[2], b[3], b[4], b[5]);
  return text;
}

// nft compares what lies beyond a header's known fields with numbers only.
std::string number_of(const IpAddress& address) {
  std::string text = "0x";
  char two[3];
  for (const std::uint8_t byte : bytes_of(address)) {
    (void)std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

std::string own_ipv4(const std::string& address) {
  return "    arp saddr ip { 0.0.0.0, " + address + " } accept\n"
         "    ip saddr " + address + " accept\n";
}

// Offsets in bits: the IPv6 header has the source's lower half at 128, and what a neighbour's answer is about has its own at 128 of ICMPv6.
std::string own_ipv6(const std::string& half, const IpAddress& address) {
  const bool given = address.family == IpFamily::v6;
  const std::string from = "    ip6 saddr " + to_string(address), answer = "icmpv6 type nd-neighbor-advert";
  return "    icmpv6 type { nd-router-advert, nd-redirect } drop\n"
         "    ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept\n" +
         (given ? from + " " + answer + " @th,64,128 " + number_of(address) + " accept\n" : "") +
         "    " + answer + " @th,128,64 != " + half + " drop\n"
         "    meta protocol ip6 @nh,128,64 " + half + " accept\n" +
         (given ? from + " accept\n" : "");
}

std::string chain_of(const std::string& device, const GuardedPort& port) {
  return "  chain " + device + " {\n"
         "    ether saddr != " + port.mac + " drop\n"
         "    ether type 0x8035 accept\n"
         "    ether type != { ip, arp, ip6 } drop\n"
         "    arp saddr ether != " + port.mac + " drop\n" +
         (port.address.family == IpFamily::v4 ? own_ipv4(to_string(port.address)) : "") +
         own_ipv6(interface_half(port.mac), port.address) +
         "    drop\n"
         "  }\n";
}

}  // namespace

std::string port_table(std::uint32_t network) { return "neonvm_ports_" + std::to_string(network); }

std::string no_port_rules(std::uint32_t network) {
  const std::string table = "table bridge " + port_table(network) + "\n";
  return table + "delete " + table;    // the first makes it, if need be: to delete what is not there would fail
}

std::string port_rules(std::uint32_t network, const GuardedPorts& ports) {
  std::string chains, ways;
  for (const auto& [device, port] : ports) {
    chains += chain_of(device, port);
    ways += (ways.empty() ? "" : ", ") + ("\"" + device + "\" : goto " + device);
  }
  // Before the bridge learns who is where.
  return no_port_rules(network) + "table bridge " + port_table(network) + " {\n" + chains +
         "  chain coming {\n"
         "    type filter hook prerouting priority filter - 5; policy accept;\n" +
         (ways.empty() ? "" : "    iifname vmap { " + ways + " }\n") +
         "  }\n"
         "}\n";
}

}  // namespace neonvm::decide
