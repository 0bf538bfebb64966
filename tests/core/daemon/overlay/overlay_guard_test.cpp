// What the overlay must not let through, and what nobody may do to its packets.
#include <sys/socket.h>

#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

// A broadcast of IPv4 UDP to 10.100.128.1:5001 as a VXLAN packet of network 100.
std::string forged() {
  const std::string payload = "forged";
  const auto length = static_cast<char>(20 + 8 + payload.size());
  std::string ip{0x45, 0, 0, length, 0, 0, 0, 0, 64, 17, 0, 0, 10, 100, '\x80', 9, 10, 100, '\x80', 1};
  unsigned sum = 0;
  for (std::size_t i = 0; i < ip.size(); i += 2) sum += static_cast<unsigned>(static_cast<std::uint8_t>(ip[i]) << 8 | static_cast<std::uint8_t>(ip[i + 1]));
  sum = ~((sum & 0xffff) + (sum >> 16));
  ip[10] = static_cast<char>(sum >> 8);
  ip[11] = static_cast<char>(sum);
  const std::string udp{0x13, '\x88', 0x13, '\x89', 0, static_cast<char>(8 + payload.size()), 0, 0};
  const std::string ethernet = std::string(6, '\xff') + std::string("\x02\0\0\0\0\x09", 6) + std::string("\x08\x00", 2);
  return std::string("\x08\0\0\0\0\0\x64\0", 8) + ethernet + ip + udp + payload;
}

}  // namespace

TEST_CASE("an overlay packet from who is no node is dropped") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  Machine one(underlay, orchestrator, "n1", {"10.0.0.1"});
  one.start_daemon();
  until([&] { return one.why_not_ready().empty(); }, "the overlay");
  Vm vm(one, "a", {"10.100.128.1"});
  Namespace stranger;
  underlay.plug(stranger, {"10.0.0.66"});
  const Socket receiver(vm.guest(), SOCK_DGRAM, "10.100.128.1", 5001), attacker(stranger, SOCK_DGRAM, "10.0.0.66", 4444);
  const long before = one.host().count_of("InReceives");
  for (int i = 0; i < 5; ++i) REQUIRE(attacker.send_to("10.0.0.1", 4789, forged()) == 0);
  until([&] { return one.host().count_of("InReceives") >= before + 5; }, "it has arrived");
  CHECK(receiver.receive(0) == "");
  // The same packet, from a node: it is a good one.
  Machine two(underlay, orchestrator, "n2", {"10.0.0.2"});
  until([&] { return one.floods_to() == "10.0.0.2"; }, "the second node is known");
  const Socket friendly(two.host(), SOCK_DGRAM, "10.0.0.2", 4444);
  REQUIRE(friendly.send_to("10.0.0.1", 4789, forged()) == 0);
  CHECK(receiver.receive(10000) == "10.100.128.9 forged");
}

TEST_CASE("a VM reaches neither its node nor what is behind it") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  Machine one(underlay, orchestrator, "n1", {"10.0.0.1"});
  one.start_daemon();
  until([&] { return one.why_not_ready().empty(); }, "the overlay");
  (void)one.host().run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.neon-br0.rp_filter=0; "
                       "ip address add 10.100.0.1/16 dev neon-br0");
  Vm vm(one, "a", {"10.100.128.1"}), other(one, "b", {"10.100.128.2"});
  Namespace outside;
  underlay.plug(outside, {"10.0.0.66"});
  (void)outside.run("ip route add 10.100.0.0/16 via 10.0.0.1");
  (void)vm.guest().run("ip route add default via 10.100.0.1");
  const Socket sender(vm.guest(), SOCK_DGRAM, "10.100.128.1", 5000), node(one.host(), SOCK_DGRAM, "0.0.0.0", 5001),
      behind(outside, SOCK_DGRAM, "10.0.0.66", 5001), neighbour(other.guest(), SOCK_DGRAM, "10.100.128.2", 5001);
  const auto say = [&](const std::string& word) {
    for (const char* target : {"10.100.0.1", "10.0.0.1", "10.0.0.66", "10.100.128.2"}) REQUIRE(sender.send_to(target, 5001, word) == 0);
    REQUIRE(neighbour.receive(10000) == "10.100.128.1 " + word);    // the last one that was sent has arrived
  };
  say("resolve");                                                   // asks for all the neighbours
  say("guarded");
  CHECK(node.receive(0) == "");
  CHECK(behind.receive(0) == "");
  // Without the guard they would have come.
  one.stop_daemon();
  (void)one.host().run("nft delete table inet neonvm_overlay_100");
  say("open");
  CHECK(node.receive(10000).find(" open") != std::string::npos);
  CHECK(behind.receive(10000).find(" open") != std::string::npos);
}

TEST_CASE("who masquerades everything, and drops what it never saw begin, leaves the overlay alone") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  Machine one(underlay, orchestrator, "n1", {"10.0.0.1"}), two(underlay, orchestrator, "n2", {"10.0.0.2"});
  for (Machine* node : {&one, &two}) {
    node->start_daemon();
    (void)node->host().run("nft 'table ip other { chain post { type nat hook postrouting priority srcnat; masquerade; }; "
                           "chain pass { type filter hook forward priority filter; ct state invalid drop; }; }'");
    until([&] { return node->why_not_ready().empty(); }, "the overlay");
  }
  if (one.host().run("cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null || echo 0") != "1\n") {
    WARN("no br_netfilter here: bridged packets pass no rules at all");
    return;
  }
  Vm a(one, "a", {"10.100.128.1"}), b(two, "b", {"10.100.128.2"});
  (void)one.host().run("ip address add 10.100.0.1/16 dev neon-br0");  // what masquerading would make of it
  const Socket sender(a.guest(), SOCK_DGRAM, "10.100.128.1", 5000), receiver(b.guest(), SOCK_DGRAM, "10.100.128.2", 5001);
  REQUIRE(sender.send_to("10.100.128.2", 5001, "guarded") == 0);
  CHECK(receiver.receive(10000) == "10.100.128.1 guarded");
  one.stop_daemon();
  (void)one.host().run("nft delete table inet neonvm_overlay_100");
  REQUIRE(sender.send_to("10.100.128.2", 5001, "open") == 0);
  CHECK(receiver.receive(10000) == "10.100.0.1 open");
}

TEST_CASE("rules that somebody takes away, all or one of them, are back at once") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  Machine one(underlay, orchestrator, "n1", {"10.0.0.1"}), two(underlay, orchestrator, "n2", {"10.0.0.2"});
  one.start_daemon();
  until([&] { return one.why_not_ready().empty(); }, "the overlay");
  const auto listed = [&] { return one.host().run("nft list table inet neonvm_overlay_100 2>/dev/null || true"); };
  const std::string whole = listed();
  REQUIRE(whole.find("notrack") != std::string::npos);
  for (const char* mischief : {"nft flush ruleset", "nft delete table inet neonvm_overlay_100", "nft flush chain inet neonvm_overlay_100 arriving",
                               "nft delete element inet neonvm_overlay_100 nodes '{ 10.0.0.2 }'"}) {
    INFO(mischief);
    (void)one.host().run(mischief);
    until([&] { return listed() == whole; }, mischief);
  }
}
