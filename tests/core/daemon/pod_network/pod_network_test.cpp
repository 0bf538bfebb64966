// A pod that routes for its VM, with real packets: the VM is a cable's other end in place of a tap's.
#include "core/daemon/pod_network.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "core/daemon/dhcp_server.hpp"
#include "core/decide/pod_network.hpp"
#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

constexpr std::uint16_t service = 5432, runners_door = 25183;
constexpr int soon = 10'000, not_at_all = 300;               // milliseconds

struct Town {
  Town() {
    (void)pod.run("ip link set lo up && ip link add eth0 mtu 1450 type veth peer name eth0 mtu 1450 netns " + outside.path() +
                  " && ip address add 10.9.0.2/24 dev eth0 && ip link set eth0 up");
    (void)outside.run("ip address add 10.9.0.1/24 dev eth0 && ip link set eth0 up && ip link set lo up");
    (void)pod.run("ip route add default via 10.9.0.1");
    (void)pod.run("ip link add tap-def type veth peer name eth0 address 02:00:00:00:00:05 netns " + guest.path());
    (void)guest.run("ip link set lo up && ip link set eth0 up");
    std::ofstream(folder.path() / "resolv.conf") << "nameserver 10.9.0.1\n";
    settings.pod = parse_ip("10.9.0.2").value();
    settings.ports = {{"pg", service, 0, Protocol::tcp}};
    settings.egress = true;
    settings.resolv_conf = folder.path() / "resolv.conf";
  }

  daemon::PodNetworkReport lay() {
    const Inside inside(pod);
    auto report = daemon::lay_pod_network(settings);
    if (!report) FAIL(report.error().message);
    return *report;
  }
  void give_address() {
    (void)guest.run("ip address add 169.254.254.254/30 dev eth0 && ip route add default via 169.254.254.253");
  }

  TempDir folder;
  Namespace outside, pod, guest;
  daemon::PodNetworkSettings settings;
};

class Listener {
 public:
  Listener(const Namespace& where, const std::string& address, std::uint16_t port) : socket_(where, SOCK_STREAM, address, port) {
    if (::listen(socket_.fd(), 4) != 0) throw std::runtime_error("listen");
  }
  // Who called, when somebody has within that time; then the call is over.
  [[nodiscard]] std::string caller(int milliseconds) const {
    pollfd wait{socket_.fd(), POLLIN, 0};
    if (::poll(&wait, 1, milliseconds) != 1) return "nobody";
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const Socket call(::accept(socket_.fd(), reinterpret_cast<sockaddr*>(&from), &size));
    char text[INET_ADDRSTRLEN];
    return ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
  }

 private:
  Socket socket_;
};

// Connects from there; the connection is open when it is returned.
std::optional<Socket> call(const Namespace& from, const std::string& address, std::uint16_t port, int milliseconds) {
  const Inside inside(from);
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) return std::nullopt;
  pollfd wait{socket.fd(), POLLOUT, 0};
  int error = 0;
  socklen_t size = sizeof error;
  if (::poll(&wait, 1, milliseconds) != 1 || ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return std::nullopt;
  return std::optional<Socket>(std::move(socket));
}

}  // namespace

TEST_CASE("a VM's ports are its pod's, and it sees who calls") {
  Town town;
  const auto report = town.lay();
  CHECK(report.uplink == "eth0");
  CHECK(report.mtu == 1450);
  town.give_address();
  const Listener postgres(town.guest, "0.0.0.0", service);
  CHECK(call(town.outside, "10.9.0.2", service, soon));
  CHECK(postgres.caller(soon) == "10.9.0.1");
  CHECK(call(town.pod, "127.0.0.1", service, soon));         // kubectl port-forward
  CHECK(postgres.caller(soon) == "169.254.254.253");
  CHECK(call(town.pod, "10.9.0.2", service, soon));
  CHECK(postgres.caller(soon) == "10.9.0.2");
  CHECK(call(town.guest, "10.9.0.2", service, soon));        // its own address, as a Service would show it
  CHECK(postgres.caller(soon) == "169.254.254.253");
  CHECK_FALSE(call(town.outside, "10.9.0.2", service + 1, soon));
  const std::string tap = town.pod.run("ip -o link show dev tap-def");
  CHECK_THAT(tap, Catch::Matchers::Contains("mtu 1450") && Catch::Matchers::Contains("02:00:a9:fe:fe:fd"));
}

TEST_CASE("a VM reaches out under its pod's address, its name server, and nothing of the pod") {
  Town town;
  (void)town.lay();
  town.give_address();
  const Listener web(town.outside, "10.9.0.1", 80), names(town.outside, "10.9.0.1", 53);
  const Listener door(town.pod, "0.0.0.0", runners_door);
  CHECK(call(town.guest, "10.9.0.1", 80, soon));
  CHECK(web.caller(soon) == "10.9.0.2");
  CHECK(call(town.guest, "169.254.254.253", 53, soon));
  CHECK(names.caller(soon) == "10.9.0.2");
  CHECK(call(town.outside, "10.9.0.2", runners_door, soon));
  CHECK(door.caller(soon) == "10.9.0.1");
  for (const char* address : {"10.9.0.2", "169.254.254.253", "127.0.0.1"}) {
    INFO(address);
    CHECK_FALSE(call(town.guest, address, runners_door, not_at_all));
  }
  CHECK(door.caller(not_at_all) == "nobody");

  town.settings.egress = false;
  (void)town.lay();
  CHECK_FALSE(call(town.guest, "10.9.0.1", 80, not_at_all));
  CHECK(call(town.guest, "169.254.254.253", 53, soon));      // names alone tell nobody anything
  const Listener postgres(town.guest, "0.0.0.0", service);
  CHECK(call(town.outside, "10.9.0.2", service, soon));
}

TEST_CASE("laid once more, it is as it was, and what is open stays open") {
  Town town;
  (void)town.lay();
  town.give_address();
  const Listener postgres(town.guest, "0.0.0.0", service);
  const auto open = call(town.outside, "10.9.0.2", service, soon);
  REQUIRE(open);
  const std::string before = town.pod.run("ip -brief address; nft list table ip neonvm_pod");
  (void)town.lay();
  CHECK(town.pod.run("ip -brief address; nft list table ip neonvm_pod") == before);
  CHECK(::send(open->fd(), "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(postgres.caller(soon) == "10.9.0.1");
}

TEST_CASE("a guest with an init of its own is given its address by DHCP") {
  Town town;
  const auto report = town.lay();
  runtime::Loop loop;
  std::optional<daemon::DhcpServer> server;
  {
    const Inside inside(town.pod);
    auto opened = daemon::DhcpServer::open(pod::tap, decide::pod_dhcp_port);
    REQUIRE(opened.ok());
    server.emplace(std::move(*opened));
  }
  wire::DhcpLease lease;
  lease.mac = {2, 0, 0, 0, 0, 5};
  lease.address = decide::guest_address;
  lease.server = decide::gateway_address;
  lease.name_server = decide::gateway_address;
  lease.mtu = report.mtu;
  server->serve(loop, lease);
  const std::string script = town.folder.path() / "script";
  std::ofstream(script) << "#!/bin/sh\n[ \"$1\" = bound ] && echo bound $ip/$mask $router $dns $mtu $serverid\nexit 0\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  std::string told;
  std::thread client([&] {
    try {
      told = town.guest.run("busybox udhcpc -i eth0 -f -q -n -t 5 -T 2 -s " + script);
    } catch (const std::exception& why) {
      told = why.what();
    }
    loop.post([&loop] { loop.stop(); });
  });
  (void)loop.run();
  client.join();
  CHECK_THAT(told, Catch::Matchers::Contains("bound 169.254.254.254/30 169.254.254.253 169.254.254.253 1450 169.254.254.253"));
}

TEST_CASE("what cannot be done is told") {
  Town town;
  const Inside inside(town.pod);
  daemon::PodNetworkSettings other = town.settings;
  other.pod = parse_ip("10.9.0.77").value();
  CHECK(daemon::lay_pod_network(other).error().message == "no device here has the pod's address 10.9.0.77");
  other.pod = parse_ip("fd00::7").value();
  CHECK(daemon::lay_pod_network(other).error().code == Code::unsupported);
  CHECK(daemon::DhcpServer::open("tap-def1", decide::pod_dhcp_port).error().code == Code::not_found);
}
