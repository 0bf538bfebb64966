// Ports: what a pod's VM gets of the overlay network, and what is left of it when the pod is gone.
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/network/handover.hpp"
#include "core/wire/port_protocol.hpp"
#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

// What a runner has of its node: the folder that they share.
class Pod {
 public:
  Pod(const TempDir& node, const std::string& name) : folder_(node.path() / "ports" / name) {
    std::filesystem::create_directories(folder_);            // as the kubelet does
    // In a pod it has a short name, as a socket needs.
    std::filesystem::create_directory_symlink(folder_, inside_.path() / "o");
  }
  [[nodiscard]] std::string port() const { return (inside_.path() / "o/port").string(); }
  [[nodiscard]] bool exists() const { return std::filesystem::exists(folder_); }
  [[nodiscard]] bool offered() const {
    const auto caller = network::call(port());
    if (caller) ::close(*caller);
    return caller.ok();
  }
  // One call, as a runner's.
  wire::PortAnswer ask() {
    const auto caller = network::call(port());
    if (!caller) return {0, caller.error().message};
    const auto handed = network::take(*caller, soon());
    ::close(*caller);
    if (!handed) return {0, handed.error().message};
    const auto answer = wire::decode_port_answer(handed->line);
    REQUIRE(answer.ok());
    if (handed->file >= 0) tap_.emplace(handed->file);
    CHECK((handed->file >= 0) == answer->why.empty());
    return *answer;
  }
  void plug() { until([this] { return !tap_ && ask().why.empty(); }, "a port for " + folder_.string()); }
  void end() { tap_.reset(); }
  // Ethernet to everybody, behind the header that QEMU's frames have.
  void say(const std::string& word) const {
    std::string frame = std::string(10, '\0') + std::string(6, '\xff') + std::string("\x02\0\0\0\0", 5) + word[0] + std::string("\x88\xb5", 2) + word;
    frame.resize(10 + 60, '\0');
    REQUIRE(::write(tap_->fd(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
  }
  // Whether that came; other frames (a kernel's own) are let pass.
  [[nodiscard]] bool hears(const std::string& word) const {
    std::string frame(4096, '\0');
    for (const Deadline end = soon(); std::chrono::steady_clock::now() < end;) {
      pollfd wait{tap_->fd(), POLLIN, 0};
      if (::poll(&wait, 1, 1000) <= 0) continue;
      const ssize_t got = ::read(tap_->fd(), frame.data(), frame.size());
      if (got > 24 && frame.compare(24, word.size(), word) == 0) return true;
    }
    return false;
  }

 private:
  TempDir inside_;
  std::filesystem::path folder_;
  std::optional<Socket> tap_;
};

struct PortTown {
  Underlay underlay{1500};
  fakes::FakeOrchestrator orchestrator;
  TempDir folder1, folder2;
  Machine one{underlay, orchestrator, "n1", {"10.0.0.1"}}, two{underlay, orchestrator, "n2", {"10.0.0.2"}};

  void start() {
    one.start_daemon((folder1.path() / "ports").string());
    two.start_daemon((folder2.path() / "ports").string());
    until([&] { return one.floods_to() == "10.0.0.2" && two.floods_to() == "10.0.0.1"; }, "the overlay");
  }
};

std::string device_of(const Machine& node) {
  return node.host().run("ip -o link show type tun | cut -d: -f2 | tr -d ' \\n'");
}

}  // namespace

TEST_CASE("pods of two nodes are given taps of one Ethernet, and nobody else has them") {
  PortTown town;
  Pod web(town.folder1, "default_web-abcde");              // was there before the daemon
  town.start();
  Pod db(town.folder2, "a-namespace-with-a-long-name-as-kubernetes-allows-sixty-three-xx_a-pod-with-a-long-name-as-kubernetes-allows-sixty-three-xx-xxxxx");
  web.plug();
  until([&] { return std::filesystem::exists(town.folder2.path() / "ports"); }, "the folder");
  db.plug();
  db.say("hello from db");
  CHECK(web.hears("hello from db"));
  web.say("hello from web");
  CHECK(db.hears("hello from web"));
  CHECK(town.one.mtu_of(device_of(town.one)) == 1450);
  CHECK(device_of(town.one) == decide::port_device("default_web-abcde"));
  CHECK(web.ask() == wire::PortAnswer{0, device_of(town.one) + " is somebody's already"});
  struct stat facts {};
  REQUIRE(::stat((town.folder1.path() / "ports").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0700);
  REQUIRE(::stat(web.port().c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0666);
  // Counted after it was told.
  until([&] { return town.one.metrics().find("neonvm_overlay_port_refusals_total 1\n") != std::string::npos; }, "the refusal is counted");
  CHECK(town.one.metrics().find("neonvm_overlay_ports 1\n") != std::string::npos);
}

TEST_CASE("with the machine goes its port, and with the port the pod's folder") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), other(town.folder1, "default_other-a");
  web.plug();
  until([&] { return other.offered(); }, "the other's port");
  web.end();
  until([&] { return !web.exists(); }, "the folder goes");
  CHECK(device_of(town.one).empty());
  CHECK(other.exists());
  other.plug();
  CHECK_FALSE(device_of(town.one).empty());
}

TEST_CASE("a daemon that ends takes no VM's port away, and its successor knows them") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), db(town.folder2, "default_db-a");
  web.plug();
  db.plug();
  town.one.stop_daemon();
  web.say("without a daemon");
  CHECK(db.hears("without a daemon"));
  Pod late(town.folder1, "default_late-a");
  CHECK(late.ask().why.find("No such file") != std::string::npos);
  town.one.start_daemon((town.folder1.path() / "ports").string());
  late.plug();
  web.say("and with its successor");
  CHECK(late.hears("and with its successor"));
  CHECK(db.hears("and with its successor"));
  web.end();
  until([&] { return !web.exists(); }, "the folder of a VM that was there before");
}

TEST_CASE("a bridge that somebody removed comes back with the VMs that were on it") {
  PortTown town;
  town.start();
  Pod web(town.folder1, "default_web-a"), db(town.folder2, "default_db-a");
  web.plug();
  db.plug();
  (void)town.one.host().run("ip link delete neon-br0");
  until([&] { return town.one.host().run("ip -o link show type tun").find("master neon-br0") != std::string::npos; }, "the port is plugged in again");
  until([&] { return town.one.floods_to() == "10.0.0.2"; }, "and the rest of it");
  web.say("again");
  CHECK(db.hears("again"));
}

TEST_CASE("before there is a network a pod is told so, and may ask again") {
  Underlay underlay(1500);
  fakes::FakeOrchestrator orchestrator;
  TempDir folder;
  Machine node(underlay, orchestrator, "n1", {"10.0.0.1"});
  REQUIRE(orchestrator.remove(Kind::node, "n1", daemon::call_deadline()).ok());
  node.start_daemon((folder.path() / "ports").string());
  Pod web(folder, "default_web-a");
  until([&] { return web.offered(); }, "its port is offered");
  CHECK(web.ask().why.find("neon-br0") != std::string::npos);
  node.register_node({"10.0.0.1"});
  web.plug();
}
