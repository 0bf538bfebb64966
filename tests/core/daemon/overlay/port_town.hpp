// Pods on two nodes, as far as the overlay sees them: each a folder that it shares with its node, and a tap that it was given there.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "core/network/handover.hpp"
#include "core/wire/port_protocol.hpp"
#include "tests/core/daemon/overlay/overlay_lab.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::lab {

inline Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

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
  // Behind the header that QEMU's frames have.
  void send(std::string frame) const {
    frame.insert(0, 10, '\0');
    if (frame.size() < 10 + 60) frame.resize(10 + 60, '\0');
    REQUIRE(::write(tap_->fd(), frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
  }
  // Ethernet to everybody.
  void say(const std::string& word) const {
    send(std::string(6, '\xff') + std::string("\x02\0\0\0\0", 5) + word[0] + std::string("\x88\xb5", 2) + word);
  }
  // Whether that came; other frames (a kernel's own) are let pass.
  [[nodiscard]] bool hears(const std::string& word) const {
    for (const Deadline end = soon(); std::chrono::steady_clock::now() < end;)
      if (next_frame().compare(0, word.size(), word) == 0) return true;
    return false;
  }
  // What the next frame has behind its Ethernet header; empty: none within a second.
  [[nodiscard]] std::string next_frame() const {
    std::string frame(4096, '\0');
    pollfd wait{tap_->fd(), POLLIN, 0};
    if (::poll(&wait, 1, 1000) <= 0) return {};
    const ssize_t got = ::read(tap_->fd(), frame.data(), frame.size());
    return got <= 24 ? std::string() : frame.substr(24, static_cast<std::size_t>(got) - 24);
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

  void start(bool open_ports = false) {
    one.start_daemon(ports_of_one(), open_ports);
    two.start_daemon((folder2.path() / "ports").string(), open_ports);
    until([&] { return one.floods_to() == "10.0.0.2" && two.floods_to() == "10.0.0.1"; }, "the overlay");
  }
  [[nodiscard]] std::string ports_of_one() const { return (folder1.path() / "ports").string(); }
};

inline std::string device_of(const Machine& node) {
  return node.host().run("ip -o link show type tun | cut -d: -f2 | tr -d ' \\n'");
}

}  // namespace neonvm::lab
