#include "core/network/links.hpp"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/veth.h>
#include <net/if.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

std::optional<VxlanFacts> vxlan_from(const nlattr* data) {
  const auto found = inner_attributes(data, IFLA_VXLAN_MAX);
  VxlanFacts facts;
  facts.id = number32(found[IFLA_VXLAN_ID]);
  if (found[IFLA_VXLAN_PORT] != nullptr) facts.port = ntohs(mnl_attr_get_u16(found[IFLA_VXLAN_PORT]));
  if (found[IFLA_VXLAN_LEARNING] != nullptr) facts.learning = mnl_attr_get_u8(found[IFLA_VXLAN_LEARNING]) != 0;
  if (const auto local = ip_of(found[IFLA_VXLAN_LOCAL])) facts.local = *local;
  if (const auto local = ip_of(found[IFLA_VXLAN_LOCAL6])) facts.local = *local;
  return facts;
}

Link link_from(const nlmsghdr* message) {
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  const auto found = attributes(message, sizeof(ifinfomsg), IFLA_MAX);
  Link link;
  link.index = header->ifi_index;
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
  link.name = text_of(found[IFLA_IFNAME]);
  link.mtu = number32(found[IFLA_MTU]);
  link.master = static_cast<int>(number32(found[IFLA_MASTER]));
  if (const nlattr* mac = found[IFLA_ADDRESS]; mac != nullptr && mnl_attr_get_payload_len(mac) == link.mac.size()) {
    std::memcpy(link.mac.data(), mnl_attr_get_payload(mac), link.mac.size());
  }
  const auto info = inner_attributes(found[IFLA_LINKINFO], IFLA_INFO_MAX);
  link.kind = text_of(info[IFLA_INFO_KIND]);
  if (link.kind == "vxlan") link.vxlan = vxlan_from(info[IFLA_INFO_DATA]);
  return link;
}

Status check_link_name(const std::string& name) {
  if (!name.empty() && name.size() < IFNAMSIZ && name.find_first_of("/ :%") == std::string::npos && name[0] != '.') return {};
  return Error{Code::invalid_argument, "\"" + name + "\" is no name for a network device; give 1 to 15 letters, digits and dashes"};
}

struct NewLink {
  std::string name, kind;
  std::uint32_t mtu = 0;
  std::function<void(Request&)> data{};
};

Status change(Netlink& netlink, int index, const std::function<void(ifinfomsg&)>& header, std::uint16_t type = 0, std::uint32_t value = 0) {
  Request request(RTM_NEWLINK, 0);
  auto& info = request.header<ifinfomsg>();
  info.ifi_index = index;
  if (header) header(info);
  if (type != 0) request.put32(type, value);
  return netlink.impl().order(request);
}

Result<Link> created(Netlink& netlink, const NewLink& wanted) {
  if (Status named = check_link_name(wanted.name); !named) return named.error();
  Request request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  request.header<ifinfomsg>();
  request.put(IFLA_IFNAME, wanted.name);
  if (wanted.mtu != 0) request.put32(IFLA_MTU, wanted.mtu);
  request.nest(IFLA_LINKINFO, [&](Request& info) {
    info.put(IFLA_INFO_KIND, wanted.kind);
    if (wanted.data) info.nest(IFLA_INFO_DATA, wanted.data);
  });
  if (Status made = netlink.impl().order(request); !made) return made.error().at("making " + wanted.kind + " " + wanted.name);
  auto link = find_link(netlink, wanted.name);
  if (!link) return link;
  if (Status told = without_ipv6(netlink, link->index); !told) return told.error().at(wanted.name);
  return link;
}

Status write_address(Netlink& netlink, const LinkAddress& wanted, std::uint16_t type, std::uint16_t flags) {
  const bool v6 = wanted.address.family == IpFamily::v6;
  Request request(type, flags);
  auto& header = request.header<ifaddrmsg>();
  header.ifa_family = v6 ? AF_INET6 : AF_INET;
  header.ifa_prefixlen = wanted.prefix;
  header.ifa_index = static_cast<unsigned>(wanted.link);
  request.put(IFA_LOCAL, wanted.address).put(IFA_ADDRESS, wanted.address);
  if (v6) request.put32(IFA_FLAGS, IFA_F_NODAD);           // it is ours by decree; a packet may go out at once
  if (Status done = netlink.impl().order(request); !done) return done.error().at(to_string(wanted.address));
  return {};
}

}  // namespace

// The kernel takes this only of a device that is there, and gives a link-local address when it is set up: in between, then. A kernel
// without IPv6 has nothing to be told.
Status without_ipv6(Netlink& netlink, int index) {
  Request request(RTM_NEWLINK, 0);
  request.header<ifinfomsg>().ifi_index = index;
  request.nest(IFLA_AF_SPEC, [](Request& families) {
    families.nest(AF_INET6, [](Request& ipv6) { ipv6.put8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  const Status told = netlink.impl().order(request);
  if (!told && told.error().code != Code::unsupported) return told.error();
  return {};
}

std::string to_string(const MacAddress& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text;
}

Status may_change(Netlink& netlink) {
  // Permission is looked at before the device, of which there is none.
  const Status asked = remove_link(netlink, std::numeric_limits<int>::max());
  if (!asked && asked.error().code != Code::not_found) return asked;
  return {};
}

Result<std::vector<Link>> links(Netlink& netlink) {
  std::vector<Link> all;
  Request request(RTM_GETLINK, 0);
  request.header<ifinfomsg>();
  const Status read = netlink.impl().dump(request, [&] { all.clear(); }, [&](const nlmsghdr* message) {
    if (message->nlmsg_type == RTM_NEWLINK) all.push_back(link_from(message));
  });
  if (!read) return read.error().at("reading the network devices");
  return all;
}

Result<Link> find_link(Netlink& netlink, const std::string& name) {
  const auto all = links(netlink);
  if (!all) return all.error();
  for (const Link& link : *all)
    if (link.name == name) return link;
  return Error{Code::not_found, "there is no network device " + name};
}

Result<Link> create_bridge(Netlink& netlink, const std::string& name, std::uint32_t mtu) {
  return created(netlink, {name, "bridge", mtu});
}

Result<Link> create_vxlan(Netlink& netlink, const std::string& name, const VxlanFacts& facts, std::uint32_t mtu) {
  return created(netlink, {name, "vxlan", mtu, [&facts](Request& data) {
    data.put32(IFLA_VXLAN_ID, facts.id);
    data.put16(IFLA_VXLAN_PORT, htons(facts.port));
    data.put8(IFLA_VXLAN_LEARNING, facts.learning ? 1 : 0);
    data.put(facts.local.family == IpFamily::v4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, facts.local);
  }});
}

Status create_veth(Netlink& netlink, const std::string& name, const std::string& peer) {
  if (Status named = check_link_name(peer); !named) return named;
  const auto made = created(netlink, {name, "veth", 0, [&peer](Request& data) {
    data.nest(VETH_INFO_PEER, [&peer](Request& other) {
      other.header<ifinfomsg>();
      other.put(IFLA_IFNAME, peer);
    });
  }});
  if (!made) return made.error();
  return {};
}

Status remove_link(Netlink& netlink, int index) {
  Request request(RTM_DELLINK, 0);
  request.header<ifinfomsg>().ifi_index = index;
  return netlink.impl().order(request);
}

Status set_up(Netlink& netlink, int index) {
  return change(netlink, index, [](ifinfomsg& info) { info.ifi_flags = info.ifi_change = IFF_UP; });
}

Status set_mtu(Netlink& netlink, int index, std::uint32_t mtu) { return change(netlink, index, {}, IFLA_MTU, mtu); }

Status set_mac(Netlink& netlink, int index, const MacAddress& mac) {
  Request request(RTM_NEWLINK, 0);
  request.header<ifinfomsg>().ifi_index = index;
  request.put(IFLA_ADDRESS, mac.data(), mac.size());
  return netlink.impl().order(request);
}

Status set_ipv4(Netlink& netlink, int index, const Ipv4Routing& routing) {
  Request request(RTM_NEWLINK, 0);
  request.header<ifinfomsg>().ifi_index = index;
  request.nest(IFLA_AF_SPEC, [&](Request& families) {
    families.nest(AF_INET, [&](Request& ipv4) {
      ipv4.nest(IFLA_INET_CONF, [&](Request& settings) {
        settings.put32(IPV4_DEVCONF_FORWARDING, routing.forwarding ? 1 : 0);
        settings.put32(IPV4_DEVCONF_ROUTE_LOCALNET, routing.route_localnet ? 1 : 0);
      });
    });
  });
  return netlink.impl().order(request);
}

Status set_master(Netlink& netlink, int index, int bridge) {
  return change(netlink, index, {}, IFLA_MASTER, static_cast<std::uint32_t>(bridge));
}

Result<std::vector<LinkAddress>> addresses(Netlink& netlink) {
  std::vector<LinkAddress> all;
  Request request(RTM_GETADDR, 0);
  request.header<ifaddrmsg>();
  const Status read = netlink.impl().dump(request, [&] { all.clear(); }, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWADDR) return;
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
    const auto found = attributes(message, sizeof(ifaddrmsg), IFA_MAX);
    // IFA_ADDRESS is the other end of a point-to-point link.
    const auto own = ip_of(found[IFA_LOCAL] != nullptr ? found[IFA_LOCAL] : found[IFA_ADDRESS]);
    if (own) all.push_back({static_cast<int>(header->ifa_index), *own, header->ifa_prefixlen});
  });
  if (!read) return read.error().at("reading the addresses");
  return all;
}

Status add_address(Netlink& netlink, const LinkAddress& address) {
  return write_address(netlink, address, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
}

Status remove_address(Netlink& netlink, const LinkAddress& address) { return write_address(netlink, address, RTM_DELADDR, 0); }

}  // namespace neonvm::network
