// A VM that comes to another node, with its address and its Ethernet address, keeps its connections.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <atomic>

#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

constexpr std::size_t transferred = 8 << 20;

std::string pattern() {
  std::string text(transferred, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761U >> 13);
  return text;
}

// Its net1 is a bridge, so that the cable behind it can be another one: as a VM's NIC, which does not notice on which host it is.
class Traveller {
 public:
  explicit Traveller(const std::string& address) {
    (void)guest_.run("ip link add net1 address 02:00:00:00:00:77 type bridge mcast_snooping 0 && ip link set net1 mtu 1450 up && ip address add " + address + "/16 dev net1");
  }
  void arrive(Machine& node) {
    (void)node.host().run("ip link add vt mtu 1450 type veth peer name port mtu 1450 netns " + guest_.path() + " && ip link set vt master neon-br0 up");
    (void)guest_.run("ip link set port master net1 up");
  }
  void leave(Machine& node) { (void)node.host().run("ip link delete vt"); }
  // What QEMU sends for its guest after a migration: a RARP broadcast from the guest's Ethernet address.
  void announce() {
    const Inside inside(guest_);
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_RARP));
    REQUIRE(fd >= 0);
    const std::string mac("\x02\0\0\0\0\x77", 6), zero(4, '\0');
    const std::string frame = std::string(6, '\xff') + mac + std::string("\x80\x35\0\x01\x08\0\x06\x04\0\x03", 10) + mac + zero + mac + zero + std::string(18, '\0');
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex("net1"));
    CHECK(::sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) == static_cast<ssize_t>(frame.size()));
    ::close(fd);
  }
  [[nodiscard]] const Namespace& guest() const { return guest_; }

 private:
  Namespace guest_;
};

}  // namespace

TEST_CASE("a transfer to a VM goes on where it was when the VM has come to another node") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  std::vector<std::unique_ptr<Machine>> nodes;
  for (const std::string number : {"1", "2", "3"}) {
    nodes.push_back(std::make_unique<Machine>(underlay, orchestrator, "n" + number, std::vector<std::string>{"10.0.0." + number}));
    nodes.back()->start_daemon();
  }
  for (auto& node : nodes) until([&] { const std::string all = node->floods_to(); return std::count(all.begin(), all.end(), ' ') == 1 && all != "no neon-vxlan0"; }, "the overlay of " + node->name());
  Vm sender(*nodes[2], "s", {"10.100.128.3"});
  Traveller traveller("10.100.128.1");
  traveller.arrive(*nodes[0]);

  const Socket listening(traveller.guest(), SOCK_STREAM, "10.100.128.1", 6000);
  REQUIRE(::listen(listening.fd(), 1) == 0);
  std::string got;
  std::atomic<bool> halfway = false, go_on = false;
  std::thread receiver([&] {
    const Socket accepted(::accept(listening.fd(), nullptr, nullptr));
    std::string part(65536, '\0');
    while (const ssize_t count = ::recv(accepted.fd(), part.data(), part.size(), 0)) {
      if (count < 0) return;
      got.append(part, 0, static_cast<std::size_t>(count));
      if (got.size() >= transferred / 2) halfway = true;
      while (halfway && !go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const std::string sent = pattern();
  std::thread client([&] {
    const Socket socket(sender.guest(), SOCK_STREAM, "10.100.128.3", 0);
    sockaddr_storage there{};
    socklen_t length = sizeof there;
    ::getsockname(listening.fd(), reinterpret_cast<sockaddr*>(&there), &length);
    if (::connect(socket.fd(), reinterpret_cast<sockaddr*>(&there), length) != 0) return;
    for (std::size_t done = 0; done < sent.size();) {
      const ssize_t count = ::send(socket.fd(), sent.data() + done, sent.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return;
      done += static_cast<std::size_t>(count);
    }
  });
  until([&] { return halfway.load(); }, "half of it is there");
  const auto behind = [&] { return nodes[2]->host().run("bridge fdb show dev neon-vxlan0 | grep 02:00:00:00:00:77 || true"); };
  CHECK(behind().find("dst 10.0.0.1") != std::string::npos);
  traveller.leave(*nodes[0]);
  traveller.arrive(*nodes[1]);
  // A port passes packets once the kernel has seen its carrier; QEMU announces several times as well.
  until([&] {
    traveller.announce();
    return behind().find("dst 10.0.0.2") != std::string::npos;
  }, "the third node has learnt where it is now");
  go_on = true;
  receiver.join();
  client.join();
  CHECK((got == sent));
}
