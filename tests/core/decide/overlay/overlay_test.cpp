// Whom a node reaches, how large packets are, and what becomes of the forwarding table.
#include "core/decide/overlay.hpp"

#include <rapidcheck.h>

#include <algorithm>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

OverlayNode node(const std::string& name, const std::vector<std::string>& addresses) {
  OverlayNode made{name, {}};
  for (const std::string& text : addresses) made.addresses.push_back(ip(text));
  return made;
}

std::string told(const Result<OverlayWish>& wish) {
  if (!wish) return wish.error().message;
  std::string text = to_string(wish->local) + ":";
  for (const IpAddress& peer : wish->peers) text += " " + to_string(peer);
  for (const std::string& name : wish->unreachable) text += " not " + name;
  return text;
}

OverlaySettings settings(const std::string& name) {
  OverlaySettings made;
  made.node = name;
  return made;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every other node is reached by the family that this node prefers") {
  const std::vector<OverlayNode> nodes{node("a", {"10.0.0.1", "fd00::1"}), node("b", {"fd00::2", "10.0.0.2"}), node("c", {"10.0.0.3"}),
                                       node("d", {"fd00::4", "10.0.0.4", "10.0.0.5"}), node("e", {}), node("f", {"fd00::6"})};
  CHECK(told(overlay_wish("a", nodes)) == "10.0.0.1: 10.0.0.2 10.0.0.3 10.0.0.4 not e not f");
  CHECK(told(overlay_wish("b", nodes)) == "fd00::2: fd00::1 fd00::4 fd00::6 not c not e");
  CHECK(told(overlay_wish("e", nodes)) == "node e has no address yet");
  CHECK(told(overlay_wish("g", nodes)) == "there is no node g; give --node as `kubectl get nodes` has it");
}

TEST_CASE("a node that shows an address of this one is no reason to flood to ourselves") {
  CHECK(told(overlay_wish("a", {node("a", {"10.0.0.1", "10.9.0.1"}), node("b", {"10.0.0.1"}), node("c", {"10.9.0.1"}), node("d", {"10.0.0.4"})})) ==
        "10.0.0.1: 10.0.0.4");
}

TEST_CASE("an overlay packet and what is around it fill the underlay's packet") {
  CHECK(overlay_mtu(1500, IpFamily::v4) == 1450);
  CHECK(overlay_mtu(1500, IpFamily::v6) == 1430);
  CHECK(overlay_mtu(9001, IpFamily::v4) == 8951);
  CHECK(overlay_mtu(100, IpFamily::v6) == 68);
}

TEST_CASE("what is out of range is named by its option") {
  const auto told = [](auto change) {
    OverlaySettings tried = settings("a");
    change(tried);
    const Status checked = check(tried);
    return checked ? std::string("fine") : checked.error().message.substr(0, checked.error().message.find(':'));
  };
  CHECK(told([](auto&) {}) == "fine");
  CHECK(told([](auto& s) { s.node = ""; }) == "--node");
  CHECK(told([](auto& s) { s.bridge = "a\"; drop"; }) == "--bridge");
  CHECK(told([](auto& s) { s.vxlan = "sixteen-letters-"; }) == "--device");
  CHECK(told([](auto& s) { s.vxlan = s.bridge; }) == "--bridge and --device");
  CHECK(told([](auto& s) { s.id = 1U << 24; }) == "--vni");
  CHECK(told([](auto& s) { s.port = 0; }) == "--port");
  CHECK(told([](auto& s) { s.mtu = 67; }) == "--mtu");
}

TEST_CASE("the rules name the network, the nodes and the bridge") {
  OverlaySettings made = settings("a");
  made.id = 7;
  made.port = 4790;
  const std::string v4 = overlay_rules(made, {ip("10.0.0.1"), {ip("10.0.0.2"), ip("10.0.0.3")}, {}});
  CHECK(has(v4, "delete table inet neonvm_overlay_7\n"));
  CHECK(has(v4, "type ipv4_addr\n    elements = { 10.0.0.2, 10.0.0.3 }\n"));
  CHECK(has(v4, "udp dport 4790 @th,96,24 7 ip saddr != @nodes drop\n"));
  const std::string v6 = overlay_rules(made, {ip("fd00::1"), {}, {}});
  CHECK(has(v6, "type ipv6_addr\n  }"));
  CHECK(has(v6, "ip6 saddr != @nodes drop\n"));
}

TEST_CASE("after a change the table floods to each peer once, and knows nobody else") {
  neonvm::tests::sequences(2000);
  CHECK(rc::check("fdb_change makes any table right, and a right one not at all", [](const std::set<std::uint8_t>& wanted,
                                                                                     const std::vector<std::pair<bool, std::uint8_t>>& found) {
    std::set<IpAddress> peers;
    for (const std::uint8_t peer : wanted) peers.insert(ipv4(peer % 16U));
    std::vector<SeenEntry> seen;
    std::set<IpAddress> flooding;
    for (const auto& [floods, from] : found) {
      const IpAddress address = ipv4(from % 16U);
      if (floods && !flooding.insert(address).second) continue;      // the kernel has each once
      seen.push_back({floods, address});
    }
    const FdbChange change = fdb_change(peers, seen);
    for (auto at = change.drop.rbegin(); at != change.drop.rend(); ++at) seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(*at));
    for (const IpAddress& address : change.flood) seen.push_back({true, address});
    std::set<IpAddress> after;
    for (const SeenEntry& entry : seen) {
      RC_ASSERT(peers.count(entry.node) == 1);
      if (entry.floods) RC_ASSERT(after.insert(entry.node).second);
    }
    RC_ASSERT(after == peers);
    const FdbChange again = fdb_change(peers, seen);
    RC_ASSERT(again.flood.empty() && again.drop.empty());
  }));
}
