// A few nodes and VMs on one machine: network namespaces and cables between them, real packets, the real daemon on each node.
//
// Namespaces live as long as their descriptors; nothing is left when the objects go. Everything throws when it cannot be done.
#pragma once

#include <sched.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/daemon/overlay.hpp"
#include "core/daemon/overlay_ports.hpp"
#include "core/network/fdb.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::lab {

class Namespace {
 public:
  Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  ~Namespace();
  [[nodiscard]] int fd() const { return fd_; }
  // For programs: a path that stands for it.
  [[nodiscard]] std::string path() const;
  // The output of a command that must succeed there.
  [[nodiscard]] std::string run(const std::string& command) const;
  // Of its IP stack: "InReceives", "FragCreates"; IPv4 and IPv6 together.
  [[nodiscard]] long count_of(const std::string& counter) const;

 private:
  int fd_ = -1;
};

// The calling thread is there, until the end of the scope.
class Inside {
 public:
  explicit Inside(const Namespace& there);
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside();

 private:
  int before_;
};

// A socket that was made in a namespace stays there, whoever uses it. Closes itself.
class Socket {
 public:
  // type: SOCK_DGRAM, SOCK_STREAM. Bound to address and port.
  Socket(const Namespace& where, int type, const std::string& address, std::uint16_t port);
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket();
  [[nodiscard]] int fd() const { return fd_; }
  // 0, or errno.
  int send_to(const std::string& address, std::uint16_t port, const std::string& payload) const;
  // The next datagram and who sent it, "ADDRESS payload"; empty: none in time.
  [[nodiscard]] std::string receive(int milliseconds) const;
  void never_fragment() const;

 private:
  int fd_;
};

// The cables between the nodes: a switch.
class Underlay {
 public:
  explicit Underlay(std::uint32_t mtu) : mtu_(mtu) { (void)switch_.run("ip link add sw type bridge mcast_snooping 0 && ip link set sw mtu " + std::to_string(mtu) + " up"); }
  // eth0 in `host` with these addresses, "10.0.0.1/24".
  void plug(const Namespace& host, const std::vector<std::string>& addresses);

 private:
  Namespace switch_;
  std::uint32_t mtu_;
  int plugged_ = 0;
};

class Machine {
 public:
  // Its object in the orchestrator has these addresses; prefix: of the underlay's network.
  Machine(Underlay& underlay, fakes::FakeOrchestrator& orchestrator, const std::string& name, const std::vector<std::string>& addresses);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  void register_node(const std::vector<std::string>& addresses);
  // ports: a folder for pods' ports; empty: the daemon gives none. open: nobody looks at what comes out of them.
  void start_daemon(const std::string& ports = "", bool open = false);
  void stop_daemon();
  [[nodiscard]] std::string why_not_ready();
  [[nodiscard]] std::string metrics();
  // A change of its object that says nothing of its addresses; returns when the daemon of `listener` has it.
  void heartbeat(const std::string& word, Machine& listener);
  [[nodiscard]] const Namespace& host() const { return host_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint32_t mtu_of(const std::string& device) const;
  // Nodes that it floods to, sorted, "10.0.0.2 10.0.0.3".
  [[nodiscard]] std::string floods_to() const;

 private:
  struct Daemon;
  Namespace host_;
  fakes::FakeOrchestrator& orchestrator_;
  std::string name_;
  std::unique_ptr<Daemon> daemon_;
};

// What stands in for a VM: net1, plugged into the node's bridge.
class Vm {
 public:
  Vm(Machine& node, const std::string& name, const std::vector<std::string>& addresses);
  [[nodiscard]] const Namespace& guest() const { return guest_; }

 private:
  Namespace guest_;
};

// Within 20 s, or it throws.
void until(const std::function<bool()>& condition, const std::string& what);

}  // namespace neonvm::lab
