#include "core/daemon/overlay_cables.hpp"

#include <algorithm>

#include "core/daemon/port_guard.hpp"
#include "core/network/fdb.hpp"
#include "core/network/links.hpp"
#include "core/network/nftables.hpp"

namespace neonvm::daemon {
namespace {

using decide::OverlaySettings;
using decide::OverlayWish;
using network::Link;
using network::Netlink;

// What the kernel has, and what became of it.
class Cables {
 public:
  Cables(Netlink& netlink, const OverlaySettings& settings, const OverlayWish& wish) : netlink_(netlink), settings_(settings), wish_(wish) {}

  Result<CablesReport> lay() {
    if (Status found = find_underlay(); !found) return found.error();
    if (Status made = bridge(); !made) return made.error().at(settings_.bridge);
    if (Status made = vxlan(); !made) return made.error().at(settings_.vxlan);
    if (Status made = forwarding(); !made) return made.error().at(settings_.vxlan);
    if (Status made = ports(); !made) return made.error();
    return report_;
  }

 private:
  void did(const std::string& deed) { report_.deeds.push_back(deed); }

  Status find_underlay() {
    auto all = network::links(netlink_);
    if (!all) return all.error();
    links_ = std::move(*all);
    const auto addresses = network::addresses(netlink_);
    if (!addresses) return addresses.error();
    for (const network::LinkAddress& each : *addresses) {
      if (each.address != wish_.local) continue;
      for (const Link& link : links_) {
        if (link.index != each.link) continue;
        if (link.loopback && settings_.mtu == 0) {
          return Error{Code::failed_precondition, to_string(wish_.local) + " is an address of " + link.name +
                                                      ", which says nothing of how large packets between nodes may be; give --mtu"};
        }
        report_.underlay = link.name;
        report_.mtu = settings_.mtu != 0 ? settings_.mtu : decide::overlay_mtu(link.mtu, wish_.local.family);
        return {};
      }
    }
    return Error{Code::not_found, "no device here has the address " + to_string(wish_.local) + " of node " + settings_.node +
                                      "; a pod needs hostNetwork, and --node has to be the node that it is on"};
  }

  const Link* find(const std::string& name) {
    const auto at = std::find_if(links_.begin(), links_.end(), [&name](const Link& link) { return link.name == name; });
    return at == links_.end() ? nullptr : &*at;
  }

  static Error another_kind(const Link& link) {
    return Error{Code::refused, "is a device of another kind (" + (link.kind.empty() ? std::string("hardware") : link.kind) +
                                    ") already; remove it, or give another name"};
  }

  Status bridge() {
    if (const Link* there = find(settings_.bridge)) {
      if (there->kind != "bridge") return another_kind(*there);
      bridge_ = *there;
    } else {
      auto made = network::create_bridge(netlink_, settings_.bridge, report_.mtu);
      if (!made) return made.error();
      bridge_ = *made;
      did("made " + settings_.bridge);
    }
    return fit(bridge_);
  }

  Status vxlan() {
    const network::VxlanFacts wanted{settings_.id, settings_.port, wish_.local, true};
    const Link* there = find(settings_.vxlan);
    if (there != nullptr && there->kind != "vxlan") return another_kind(*there);
    if (there != nullptr && there->vxlan != wanted) {
      if (Status gone = network::remove_link(netlink_, there->index); !gone) return gone;
      did("removed a " + settings_.vxlan + " that was for another network or node address");
      there = nullptr;
    }
    if (there != nullptr) {
      vxlan_ = *there;
    } else {
      auto made = network::create_vxlan(netlink_, settings_.vxlan, wanted, report_.mtu);
      if (!made) return made.error();
      vxlan_ = *made;
      did("made " + settings_.vxlan);
    }
    if (vxlan_.master != bridge_.index) {
      if (Status plugged = network::set_master(netlink_, vxlan_.index, bridge_.index); !plugged) return plugged;
      did("plugged " + settings_.vxlan + " into " + settings_.bridge);
    }
    return fit(vxlan_);
  }

  Status fit(const Link& link) {
    if (link.mtu != report_.mtu) {
      if (Status set = network::set_mtu(netlink_, link.index, report_.mtu); !set) return set;
      did("MTU of " + link.name + " " + std::to_string(link.mtu) + " to " + std::to_string(report_.mtu));
    }
    if (link.up) return {};
    did(link.name + " up");
    return network::set_up(netlink_, link.index);
  }

  // Of VMs that run: after somebody has removed the bridge, or the MTU has changed.
  Status ports() {
    for (const Link& link : links_) {
      if (link.kind != "tun" || !decide::is_port_device(link.name)) continue;
      if (Status fits = fit(link); !fits) return fits.error().at(link.name);
      if (link.master == bridge_.index) continue;
      if (Status plugged = network::set_master(netlink_, link.index, bridge_.index); !plugged) return plugged.error().at(link.name);
      did("plugged " + link.name + " into " + settings_.bridge);
    }
    return {};
  }

  Status forwarding() {
    const auto entries = network::fdb(netlink_, vxlan_.index);
    if (!entries) return entries.error();
    std::vector<decide::SeenEntry> seen;
    for (const network::FdbEntry& entry : *entries) seen.push_back({entry.floods(), entry.node});
    const decide::FdbChange change = decide::fdb_change(wish_.peers, seen);
    for (const IpAddress& node : change.flood) {
      if (Status done = network::append_fdb(netlink_, vxlan_.index, {{}, node, true}); !done) return done;
      ++report_.flooded;
    }
    for (const std::size_t at : change.drop) {
      if (Status done = network::remove_fdb(netlink_, vxlan_.index, (*entries)[at]); !done) return done;
      ++report_.dropped;
    }
    return {};
  }

  Netlink& netlink_;
  const OverlaySettings& settings_;
  const OverlayWish& wish_;
  CablesReport report_;
  std::vector<Link> links_;
  Link bridge_, vxlan_;
};

// Whether there was anything to be done.
Result<bool> guard(const OverlaySettings& settings, const OverlayWish& wish, AppliedRules& rules) {
  const std::string wanted = decide::overlay_rules(settings, wish), table = decide::overlay_table(settings);
  auto listed = network::listed_table("inet", table);
  if (!listed && listed.error().code != Code::not_found) return listed.error();
  if (wanted == rules.given && listed && *listed == rules.listed) return false;
  if (Status applied = network::apply_rules(wanted); !applied) return applied.error();
  listed = network::listed_table("inet", table);
  if (!listed) return listed.error();
  rules = {wanted, *listed};
  return true;
}

}  // namespace

Status may_lay_cables() {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  return network::may_change(*netlink);
}

Result<CablesReport> lay_cables(const OverlaySettings& settings, const OverlayWish& wish, AppliedRules& rules) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  // First: from the first packet on there are rules for it.
  const auto guarded = guard(settings, wish, rules);
  if (!guarded) return guarded.error();
  auto report = Cables(*netlink, settings, wish).lay();
  if (report && *guarded) report->deeds.push_back("rules for " + std::to_string(wish.peers.size()) + " nodes");
  return report;
}

Result<CablesReport> remove_cables(const OverlaySettings& settings) {
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error();
  CablesReport report;
  for (const std::string& name : {settings.vxlan, settings.bridge}) {
    const auto link = network::find_link(*netlink, name);
    if (!link && link.error().code == Code::not_found) continue;
    if (!link) return link.error();
    if (Status gone = network::remove_link(*netlink, link->index); !gone) return gone.error().at(name);
    report.deeds.push_back("removed " + name);
  }
  if (Status gone = network::apply_rules(decide::no_overlay_rules(settings)); !gone) return gone.error();
  if (Status gone = remove_port_guard(settings.id); !gone && gone.error().code != Code::unsupported) return gone.error();
  return report;
}

}  // namespace neonvm::daemon
