#include "core/decide/pod_network.hpp"

namespace neonvm::decide {
namespace {

// "tcp dport { 5432, 8080 }"; empty: none of that protocol.
std::string ports_of(const std::vector<Port>& ports, Protocol protocol) {
  std::string list;
  for (const Port& port : ports)
    if (port.protocol == protocol && port.guest != 0) list += (list.empty() ? "" : ", ") + std::to_string(port.guest);
  return list.empty() ? list : std::string(protocol == Protocol::udp ? "udp" : "tcp") + " dport { " + list + " }";
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

// Calls of the guest's ports, for those who come by `where`.
std::string to_guest(const PodNetworkFacts& facts, const std::string& where) {
  std::string rules;
  for (const Protocol protocol : {Protocol::tcp, Protocol::udp}) {
    const std::string ports = ports_of(facts.ports, protocol);
    if (!ports.empty()) rules += "    " + where + " " + ports + " dnat to " + to_string(guest_address) + "\n";
  }
  return rules;
}

std::string to_name_server(const PodNetworkFacts& facts) {
  if (!facts.name_server) return {};
  std::string rules;
  for (const char* protocol : {"udp", "tcp"}) {
    rules += std::string("    iifname \"") + pod::tap + "\" ip daddr " + to_string(gateway_address) + " " + protocol + " dport 53 dnat to " +
             to_string(*facts.name_server) + "\n";
  }
  return rules;
}

std::string chain(const std::string& name, const std::string& hook, const std::string& rules) {
  return "  chain " + name + " {\n    type " + hook + "\n" + rules + "  }\n";
}

}  // namespace

std::string pod_network_rules(const PodNetworkFacts& facts) {
  const std::string table = std::string("table ip ") + pod_table;
  const std::string vm = quoted(pod::tap), uplink = quoted(facts.uplink), guest = to_string(guest_address), pod = to_string(facts.pod);
  const std::string dhcp = std::to_string(pod_dhcp_port);
  const std::string forward = "    ct state established,related accept\n    ct status dnat accept\n" +
                              (facts.egress ? "    iifname " + vm + " oifname " + uplink + " accept\n" : std::string());
  return table + " {}\ndelete " + table + "\n" + table + " {\n" +
         chain("dhcp_in", "filter hook prerouting priority -301;", "    iifname " + vm + " udp dport 67 udp dport set " + dhcp + "\n") +
         chain("dhcp_out", "filter hook postrouting priority 300;", "    oifname " + vm + " udp sport " + dhcp + " udp sport set 67\n") +
         chain("prerouting", "nat hook prerouting priority -100;", to_guest(facts, "ip daddr " + pod) + to_name_server(facts)) +
         chain("output", "nat hook output priority -100;", to_guest(facts, "ip daddr { 127.0.0.1, " + pod + " }")) +
         chain("postrouting", "nat hook postrouting priority 100;",
               "    oifname " + uplink + " ip saddr " + guest + " masquerade\n" +
               "    oifname " + vm + " ip saddr { 127.0.0.0/8, " + guest + " } masquerade\n") +
         chain("forward", "filter hook forward priority 0; policy drop;", forward) +
         chain("input", "filter hook input priority 0;",
               "    iifname != " + vm + " accept\n    udp dport " + dhcp + " accept\n    ct state established,related accept\n" +
               "    ct status dnat accept\n    icmp type echo-request accept\n    drop\n") +
         "}\n";
}

std::optional<IpAddress> name_server_in(std::string_view text) {
  constexpr std::string_view word = "nameserver", blanks = " \t";
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(word)) continue;
    line.remove_prefix(word.size());
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == 0 || begin == std::string_view::npos) continue;
    line.remove_prefix(begin);
    const auto address = parse_ip(line.substr(0, line.find_first_of(" \t\r")));
    if (address && address->family == IpFamily::v4) return *address;
  }
  return std::nullopt;
}

std::string pod_network_parameter() {
  const std::string gateway = to_string(gateway_address);
  return "neonvm.ip=" + to_string(guest_address) + "/" + std::to_string(pod_link_prefix) + "," + gateway + "," + gateway;
}

}  // namespace neonvm::decide
