#include "core/daemon/pod_network.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/decide/pod_network.hpp"
#include "core/network/links.hpp"
#include "core/network/nftables.hpp"
#include "core/network/tap.hpp"

namespace neonvm::daemon {

namespace {

using network::Link;
using network::Netlink;

Result<Link> uplink_of(Netlink& netlink, const IpAddress& pod) {
  const auto all = network::addresses(netlink);
  if (!all) return all.error();
  const auto own = std::find_if(all->begin(), all->end(), [&pod](const network::LinkAddress& each) { return each.address == pod; });
  if (own == all->end()) return Error{Code::not_found, "no device here has the pod's address " + to_string(pod)};
  const auto links = network::links(netlink);
  if (!links) return links.error();
  for (const Link& link : *links)
    if (link.index == own->link) return link;
  return Error{Code::not_found, "the device with " + to_string(pod) + " has just gone"};
}

Result<Link> laid_tap(Netlink& netlink, std::uint32_t mtu, uid_t owner) {
  auto tap = network::find_link(netlink, pod::tap);
  if (!tap && tap.error().code == Code::not_found) tap = network::create_tap(netlink, {pod::tap, owner, false});
  if (!tap) return tap;
  if (Status same = network::set_mac(netlink, tap->index, decide::gateway_mac); !same) return same.error();
  if (Status fits = network::set_mtu(netlink, tap->index, mtu); !fits) return fits.error();
  const Status added = network::add_address(netlink, {tap->index, decide::gateway_address, decide::pod_link_prefix});
  if (!added && added.error().code != Code::already_exists) return added.error();
  if (Status up = network::set_up(netlink, tap->index); !up) return up.error();
  return tap;
}

// By the devices' own settings, over netlink: /proc/sys is read-only in a container.
Status route_between(Netlink& netlink, const Link& tap, const Link& uplink) {
  // route_localnet: what the pod itself asks of 127.0.0.1 (kubectl port-forward) goes to the guest under another address.
  if (Status done = network::set_ipv4(netlink, tap.index, {true, true}); !done) return done.error().at(tap.name);
  if (Status done = network::set_ipv4(netlink, uplink.index, {true, false}); !done) return done.error().at(uplink.name);
  return {};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

Result<PodNetworkReport> lay_pod_network(const PodNetworkSettings& settings) {
  if (settings.pod.family != IpFamily::v4) {
    return Error{Code::unsupported, "the pod's address " + to_string(settings.pod) + " is not IPv4; set runner_network = \"user\""};
  }
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  if (Status may = network::may_change(*netlink); !may) return may.error();
  const auto uplink = uplink_of(*netlink, settings.pod);
  if (!uplink) return uplink.error();
  const auto tap = laid_tap(*netlink, uplink->mtu, settings.owner);
  if (!tap) return tap.error().at(pod::tap);
  if (Status routed = route_between(*netlink, *tap, *uplink); !routed) return routed.error();
  decide::PodNetworkFacts facts{uplink->name, settings.pod, decide::name_server_in(text_of(settings.resolv_conf)), settings.ports, settings.egress};
  if (Status applied = network::apply_rules(decide::pod_network_rules(facts)); !applied) return applied.error().at("the pod's rules");
  return PodNetworkReport{uplink->name, uplink->mtu};
}

}  // namespace neonvm::daemon
