// VMs of several nodes on one Ethernet: packets between them, nodes that come and go, a daemon that starts anew meanwhile.
#include <poll.h>
#include <sys/socket.h>

#include <atomic>

#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

// "10.0.0.1", "fd00::1"
std::string at(const char* net, int host) { return std::string(net) + std::to_string(host); }

struct Town {
  explicit Town(const char* net, std::uint32_t mtu, int count) : underlay(mtu) {
    for (int i = 1; i <= count; ++i) {
      nodes.push_back(std::make_unique<Machine>(underlay, orchestrator, "n" + std::to_string(i), std::vector<std::string>{at(net, i)}));
      nodes.back()->start_daemon();
    }
    for (auto& node : nodes) {
      std::string others;
      for (int i = 1; i <= count; ++i)
        if (node->name() != "n" + std::to_string(i)) others += (others.empty() ? "" : " ") + at(net, i);
      until([&] { return node->floods_to() == others && node->why_not_ready().empty(); }, "the overlay of " + node->name());
    }
  }
  Machine& operator[](std::size_t i) { return *nodes[i]; }

  fakes::FakeOrchestrator orchestrator;
  Underlay underlay;
  std::vector<std::unique_ptr<Machine>> nodes;
};

// A datagram of `size` bytes of IP, header and all, from one to the other; the other's answer: whether it came.
bool passes(const Vm& from, const std::string& source, const Vm& to, const std::string& target, std::size_t size) {
  const bool v6 = source.find(':') != std::string::npos;
  const Socket sender(from.guest(), SOCK_DGRAM, source, 5000), receiver(to.guest(), SOCK_DGRAM, target, 5001);
  sender.never_fragment();
  const std::string payload(size - (v6 ? 48 : 28), 'x');
  // The first may wait for a neighbour that nobody knows yet; none may be lost after that.
  if (sender.send_to(target, 5001, payload) != 0) return false;
  return receiver.receive(10000) == source + " " + payload;
}

void transfer(const Vm& from, const std::string& source, const Vm& to, const std::string& target, std::size_t size) {
  const Socket listening(to.guest(), SOCK_STREAM, target, 6000);
  REQUIRE(::listen(listening.fd(), 1) == 0);
  std::string got;
  std::thread server([&] {
    const Socket accepted(::accept(listening.fd(), nullptr, nullptr));
    std::string part(65536, '\0');
    while (const ssize_t count = ::recv(accepted.fd(), part.data(), part.size(), 0)) {
      if (count < 0) return;
      got.append(part, 0, static_cast<std::size_t>(count));
    }
  });
  std::string sent(size, '\0');
  for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<char>(i * 2654435761U >> 13);
  {
    const Socket client(from.guest(), SOCK_STREAM, source, 0);
    sockaddr_storage there{};
    socklen_t length = sizeof there;
    ::getsockname(listening.fd(), reinterpret_cast<sockaddr*>(&there), &length);
    CHECK(::connect(client.fd(), reinterpret_cast<sockaddr*>(&there), length) == 0);
    for (std::size_t done = 0; done < size;) {
      const ssize_t count = ::send(client.fd(), sent.data() + done, size - done, MSG_NOSIGNAL);
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
  }
  server.join();
  CHECK((got == sent));
}

struct Case {
  const char* net;
  std::uint32_t underlay, overlay;
};

}  // namespace

TEST_CASE("VMs on three nodes hear each other, with packets as large as the bridge says and no larger") {
  const Case each = GENERATE(Case{"10.0.0.", 1500, 1450}, Case{"fd00::", 1500, 1430}, Case{"10.0.0.", 9000, 8950});
  INFO(each.net << " " << each.underlay);
  Town town(each.net, each.underlay, 3);
  CHECK(town[0].floods_to() == at(each.net, 2) + " " + at(each.net, 3));
  Vm a(town[0], "a", {"10.100.128.0", "fd00:100::1"}), b(town[1], "b", {"10.100.128.1", "fd00:100::2"}), c(town[2], "c", {"10.100.128.2", "fd00:100::3"});
  for (std::size_t i = 0; i < 3; ++i)
    for (const char* device : {"neon-br0", "neon-vxlan0"}) CHECK(town[i].mtu_of(device) == each.overlay);
  CHECK(passes(a, "10.100.128.0", b, "10.100.128.1", each.overlay));
  CHECK(passes(b, "10.100.128.1", c, "10.100.128.2", each.overlay));
  CHECK(passes(c, "fd00:100::3", a, "fd00:100::1", each.overlay));
  CHECK_FALSE(passes(a, "10.100.128.0", b, "10.100.128.1", each.overlay + 1));
  transfer(a, "10.100.128.0", c, "10.100.128.2", 4 << 20);
  transfer(b, "fd00:100::2", a, "fd00:100::1", 4 << 20);
  // The underlay cut nothing in pieces.
  for (std::size_t i = 0; i < 3; ++i) CHECK(town[i].host().count_of("FragCreates") == 0);
}

TEST_CASE("a node that joins is reached at once, one that leaves is forgotten, with all that was learnt of it") {
  Town town("10.0.0.", 1500, 2);
  Vm a(town[0], "a", {"10.100.128.0"});
  auto third = std::make_unique<Machine>(town.underlay, town.orchestrator, "n3", std::vector<std::string>{"10.0.0.3"});
  third->start_daemon();
  until([&] { return town[0].floods_to() == "10.0.0.2 10.0.0.3" && third->floods_to() == "10.0.0.1 10.0.0.2"; }, "everybody floods to everybody");
  {
    Vm c(*third, "c", {"10.100.128.2"});
    CHECK(passes(a, "10.100.128.0", c, "10.100.128.2", 1450));
    const auto learnt = [&] { return town[0].host().run("bridge fdb show dev neon-vxlan0 | grep -v 00:00:00:00:00:00 | grep -c 10.0.0.3 || true"); };
    CHECK(learnt() != "0\n");
    third->stop_daemon();
    REQUIRE(town.orchestrator.remove(Kind::node, "n3", daemon::call_deadline()).ok());
    until([&] { return town[0].floods_to() == "10.0.0.2" && town[1].floods_to() == "10.0.0.1"; }, "nobody floods to who left");
    CHECK(learnt() == "0\n");
  }
  // Another address is another node.
  town[1].register_node({"10.0.0.22"});
  until([&] { return town[0].floods_to() == "10.0.0.22"; }, "the new address");
}

TEST_CASE("a daemon that starts anew drops no packet, whatever it missed meanwhile") {
  Town town("10.0.0.", 1500, 2);
  Vm a(town[0], "a", {"10.100.128.0"}), b(town[1], "b", {"10.100.128.1"});
  REQUIRE(passes(a, "10.100.128.0", b, "10.100.128.1", 1450));
  const Socket sender(a.guest(), SOCK_DGRAM, "10.100.128.0", 5000), receiver(b.guest(), SOCK_DGRAM, "10.100.128.1", 5001);
  std::atomic<bool> over = false;
  std::atomic<int> sent = 0;
  std::thread stream([&] {
    while (!over) {
      if (sender.send_to("10.100.128.1", 5001, std::to_string(sent)) == 0) ++sent;
      std::this_thread::sleep_for(std::chrono::microseconds(200));     // its rate, not a wait for anything
    }
  });
  for (int i = 0; i < 5; ++i) {
    Machine& node = town[static_cast<std::size_t>(i) % 2];
    node.stop_daemon();
    const int before = sent;
    // Nodes that came meanwhile make work for the new one.
    (void)town.orchestrator.remove(Kind::node, "ghost", daemon::call_deadline());
    Machine ghost(town.underlay, town.orchestrator, "ghost", {at("10.0.0.", 100 + i)});
    until([&] { return sent > before + 50; }, "packets without a daemon");
    node.start_daemon();
    until([&] { return node.why_not_ready().empty() && node.floods_to().find(at("10.0.0.", 100 + i)) != std::string::npos; }, "the new daemon");
    const int after = sent;
    until([&] { return sent > after + 50; }, "packets with the new daemon");
  }
  over = true;
  stream.join();
  int expected = 0;
  for (; expected < sent; ++expected)
    if (receiver.receive(5000) != "10.100.128.0 " + std::to_string(expected)) break;
  CHECK(expected == sent);
  CHECK(sent > 500);
}

TEST_CASE("what somebody else takes away comes back") {
  Town town("10.0.0.", 1500, 2);
  const auto whole = [&] { return town[0].floods_to() == "10.0.0.2" && town[0].host().run("ip link show master neon-br0").find("neon-vxlan0") != std::string::npos; };
  for (const char* mischief : {"ip link delete neon-vxlan0", "ip link delete neon-br0", "bridge fdb delete 00:00:00:00:00:00 dev neon-vxlan0 dst 10.0.0.2",
                               "bridge fdb append 00:00:00:00:00:00 dev neon-vxlan0 dst 10.0.0.99 && ip link set neon-vxlan0 down"}) {
    INFO(mischief);
    (void)town[0].host().run(mischief);
    until(whole, mischief);
  }
  // While it was away.
  town[0].stop_daemon();
  (void)town[0].host().run("ip link delete neon-vxlan0 && ip link add neon-vxlan0 type vxlan id 7 dstport 4789 local 10.0.0.1");
  town[0].start_daemon();
  until([&] { return whole() && town[0].host().run("ip -d link show neon-vxlan0").find("vxlan id 100 ") != std::string::npos; }, "a VXLAN of ours");
  Vm a(town[0], "a", {"10.100.128.0"}), b(town[1], "b", {"10.100.128.1"});
  CHECK(passes(a, "10.100.128.0", b, "10.100.128.1", 1450));
  (void)town[0].host().run("ip link set eth0 mtu 1400");
  until([&] { return town[0].mtu_of("neon-br0") == 1350 && town[0].mtu_of("neon-vxlan0") == 1350; }, "the overlay follows its underlay");
}

TEST_CASE("nothing is concluded when this node is not in the list, or the list is not there") {
  Town town("10.0.0.", 1500, 2);
  REQUIRE(town.orchestrator.remove(Kind::node, "n1", daemon::call_deadline()).ok());
  until([&] { return !town[0].why_not_ready().empty(); }, "it says that it is not in the list");
  CHECK(town[0].why_not_ready() == "there is no node n1; give --node as `kubectl get nodes` has it");
  CHECK(town[0].floods_to() == "10.0.0.2");
  town[0].register_node({});
  until([&] { return town[0].why_not_ready() == "node n1 has no address yet"; }, "it says that it has no address");
  CHECK(town[0].floods_to() == "10.0.0.2");
  town[0].register_node({"10.9.9.9"});
  until([&] { return town[0].why_not_ready().find("no device here has the address 10.9.9.9 of node n1") == 0; }, "it says that it is elsewhere");
  (void)town[0].host().run("ip address add 10.8.8.8/32 dev lo");
  town[0].register_node({"10.8.8.8"});
  until([&] { return town[0].why_not_ready().find("10.8.8.8 is an address of lo") == 0; }, "it says that it cannot know the MTU");
  town[0].register_node({"10.0.0.1"});
  until([&] { return town[0].why_not_ready().empty(); }, "all is well again");
}

TEST_CASE("nodes that tell nothing new make no work") {
  Town town("10.0.0.", 1500, 2);
  const auto passes = [&] {
    const std::string text = town[0].metrics(), name = "\nneonvm_overlay_passes_total ";
    return std::stol(text.substr(text.find(name) + name.size()));
  };
  // Meanwhile what the first passes stirred up comes to rest.
  for (int i = 0; i < 20; ++i) town[1].heartbeat("first " + std::to_string(i), town[0]);
  const long before = passes();
  for (int i = 0; i < 50; ++i) town[1].heartbeat("beat " + std::to_string(i), town[0]);
  CHECK(passes() - before < 5);
}
