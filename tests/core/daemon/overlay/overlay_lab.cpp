#include "tests/core/daemon/overlay/overlay_lab.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <future>
#include <stdexcept>

#include "core/network/links.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/node_status.hpp"

namespace neonvm::lab {
namespace {

void demand(bool held, const std::string& what) {
  if (!held) throw std::runtime_error(what + ": " + std::strerror(errno));
}

socklen_t fill(sockaddr_storage& into, const std::string& address, std::uint16_t port) {
  const IpAddress ip = parse_ip(address).value();
  const auto bytes = bytes_of(ip);
  if (ip.family == IpFamily::v4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(into);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes.data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(into);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes.data(), 16);
  return sizeof v6;
}

std::string address_in(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) return to_string(ip_from(IpFamily::v4, reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in&>(from).sin_addr)));
  return to_string(ip_from(IpFamily::v6, reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in6&>(from).sin6_addr)));
}

std::string prefixed(const std::string& address, const char* v4, const char* v6) { return address + (address.find(':') == std::string::npos ? v4 : v6); }

}  // namespace

Namespace::Namespace() {
  std::thread([this] {
    if (::unshare(CLONE_NEWNET) == 0) fd_ = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }).join();
  demand(fd_ >= 0, "a network namespace");
  (void)run("ip link set lo up");
}

Namespace::~Namespace() { ::close(fd_); }

std::string Namespace::path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_); }

std::string Namespace::run(const std::string& command) const {
  const Inside inside(*this);
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
  demand(pipe != nullptr, command);
  std::string output;
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, size);
  if (::pclose(pipe) != 0) throw std::runtime_error(command + ": " + output);
  return output;
}

long Namespace::count_of(const std::string& counter) const {
  const std::string v4 = "awk '/^Ip:/ {if (at) sum = $at; for (i = 2; i <= NF; ++i) if ($i == \"" + counter + "\") at = i} END {print sum}' /proc/net/snmp";
  const std::string v6 = "awk '$1 == \"Ip6" + counter + "\" {print $2}' /proc/net/snmp6";
  return std::stol(run(v4)) + std::stol(run(v6));
}

Inside::Inside(const Namespace& there) : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  demand(before_ >= 0 && ::setns(there.fd(), CLONE_NEWNET) == 0, "entering a network namespace");
}

Inside::~Inside() {
  if (::setns(before_, CLONE_NEWNET) != 0) ::_exit(99);
  ::close(before_);
}

Socket::Socket(const Namespace& where, int type, const std::string& address, std::uint16_t port) : fd_(-1) {
  const Inside inside(where);
  sockaddr_storage own{};
  const socklen_t size = fill(own, address, port);
  fd_ = ::socket(own.ss_family, type | SOCK_CLOEXEC, 0);
  const int on = 1, large = 8 << 20;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
  demand(fd_ >= 0 && ::bind(fd_, reinterpret_cast<sockaddr*>(&own), size) == 0, "a socket on " + address);
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

int Socket::send_to(const std::string& address, std::uint16_t port, const std::string& payload) const {
  sockaddr_storage there{};
  const socklen_t size = fill(there, address, port);
  return ::sendto(fd_, payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&there), size) < 0 ? errno : 0;
}

std::string Socket::receive(int milliseconds) const {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, milliseconds) != 1) return {};
  std::string payload(65536, '\0');
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  const ssize_t got = ::recvfrom(fd_, payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
  if (got < 0) return {};
  payload.resize(static_cast<std::size_t>(got));
  return address_in(from) + " " + payload;
}

void Socket::never_fragment() const {
  const int v4 = IP_PMTUDISC_DO, v6 = IPV6_PMTUDISC_DO;
  if (::setsockopt(fd_, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4) != 0) {
    demand(::setsockopt(fd_, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6) == 0, "IPV6_MTU_DISCOVER");
  }
}

void Underlay::plug(const Namespace& host, const std::vector<std::string>& addresses) {
  const std::string port = "p" + std::to_string(++plugged_), mtu = std::to_string(mtu_);
  (void)host.run("ip link add eth0 mtu " + mtu + " type veth peer name " + port + " mtu " + mtu + " netns " + switch_.path());
  (void)switch_.run("ip link set " + port + " master sw up");
  (void)host.run("ip link set eth0 up");
  for (const std::string& address : addresses) (void)host.run("ip address add " + prefixed(address, "/24", "/64 nodad") + " dev eth0");
}

struct Machine::Daemon {
  Daemon(Machine& node, const std::string& folder, bool open) {
    std::promise<void> started;
    thread = std::thread([this, &node, folder, open, &started] {
      const Inside inside(node.host_);
      runtime::Loop loop;
      runtime::MetricsRegistry metrics;
      daemon::World world(loop, node.orchestrator_, {Kind::node});
      decide::OverlaySettings settings;
      settings.node = node.name_;
      daemon::Overlay overlay(loop, world, metrics, settings, [](const Error&) {});
      std::string word;
      const auto from_loop = [&loop](const std::function<std::string()>& read) {
        std::promise<std::string> answer;
        loop.post([&] { answer.set_value(read()); });
        return answer.get_future().get();
      };
      ask = [&] { return from_loop([&] { return overlay.why_not_ready(); }); };
      last_word = [&] { return from_loop([&] { return word; }); };
      measure = [&metrics] { return metrics.text(); };
      stop = [&loop] { loop.stop(); };
      std::optional<daemon::OverlayPorts> ports;
      if (!folder.empty()) ports.emplace(loop, metrics, folder, settings, open);
      const Status offered = ports ? ports->start() : Status{};
      const Status begun = offered ? overlay.start() : offered;
      const auto after_it = world.listen(Kind::node, [&word](const Change& change) {
        if (const auto heard = change.object.annotations.find("heard"); heard != change.object.annotations.end()) word = heard->second;
      });
      world.start();
      started.set_value();
      if (begun) loop.run();
    });
    started.get_future().wait();
  }
  ~Daemon() {
    stop();
    thread.join();
  }

  std::function<std::string()> ask, measure, last_word;
  std::function<void()> stop;
  std::thread thread;
};

Machine::Machine(Underlay& underlay, fakes::FakeOrchestrator& orchestrator, const std::string& name, const std::vector<std::string>& addresses)
    : orchestrator_(orchestrator), name_(name) {
  underlay.plug(host_, addresses);
  register_node(addresses);
}

Machine::~Machine() = default;

void Machine::register_node(const std::vector<std::string>& addresses) {
  Object object;
  object.kind = Kind::node;
  object.name = name_;
  wire::encode_node({name_, {MilliCpu{1000}, Bytes{1 << 30}}, 0.9, true, {}}, object);
  auto there = orchestrator_.get(Kind::node, name_, daemon::call_deadline());
  if (!there) there = orchestrator_.create(object, daemon::call_deadline());
  demand(there.ok(), "registering " + name_);
  there->status = wire::encode(NodeStatus{addresses});
  demand(orchestrator_.update_status(*there, daemon::call_deadline()).ok(), "registering " + name_);
}

void Machine::start_daemon(const std::string& ports, bool open) { daemon_ = std::make_unique<Daemon>(*this, ports, open); }
void Machine::stop_daemon() { daemon_.reset(); }
std::string Machine::why_not_ready() { return daemon_->ask(); }
std::string Machine::metrics() { return daemon_->measure(); }

void Machine::heartbeat(const std::string& word, Machine& listener) {
  auto object = orchestrator_.get(Kind::node, name_, daemon::call_deadline());
  demand(object.ok(), name_);
  object->annotations["heard"] = word;
  demand(orchestrator_.update(*object, daemon::call_deadline()).ok(), "a heartbeat of " + name_);
  until([&] { return listener.daemon_->last_word() == word; }, "the heartbeat of " + name_);
}

std::uint32_t Machine::mtu_of(const std::string& device) const {
  const Inside inside(host_);
  auto netlink = network::Netlink::open();
  return network::find_link(*netlink, device).value().mtu;
}

std::string Machine::floods_to() const {
  const Inside inside(host_);
  auto netlink = network::Netlink::open();
  const auto link = network::find_link(*netlink, "neon-vxlan0");
  if (!link) return "no neon-vxlan0";
  std::set<IpAddress> nodes;
  const auto entries = network::fdb(*netlink, link->index).value();
  for (const network::FdbEntry& entry : entries)
    if (entry.floods()) nodes.insert(entry.node);
  std::string text;
  for (const IpAddress& node : nodes) text += (text.empty() ? "" : " ") + to_string(node);
  return text;
}

Vm::Vm(Machine& node, const std::string& name, const std::vector<std::string>& addresses) {
  const std::string port = "veth-" + name;
  const std::string mtu = " mtu " + std::to_string(node.mtu_of("neon-br0"));
  (void)node.host().run("ip link add " + port + mtu + " type veth peer name net1" + mtu + " netns " + guest_.path() + " && ip link set " + port +
                        " master neon-br0 up");
  (void)guest_.run("ip link set net1 up");
  for (const std::string& address : addresses) (void)guest_.run("ip address add " + prefixed(address, "/16", "/64 nodad") + " dev net1");
}

void until(const std::function<bool()>& condition, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("not within 20 s: " + what);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace neonvm::lab
