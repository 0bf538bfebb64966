#include "tests/plugins/hypervisor-qemu/scripted_monitor.hpp"

#include <sys/socket.h>

#include <array>
#include <stdexcept>

namespace neonvm::qemu {

ScriptedMonitor::ScriptedMonitor(Script script) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) throw std::runtime_error("socketpair");
  client_.reset(ends[0]);
  own_.reset(ends[1]);
  thread_ = std::thread([this, script = std::move(script)] {
    script(*this);
    ::shutdown(own_.get(), SHUT_RDWR);
  });
}

ScriptedMonitor::~ScriptedMonitor() {
  ::shutdown(own_.get(), SHUT_RDWR);
  thread_.join();
}

void ScriptedMonitor::say(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(own_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

std::string ScriptedMonitor::hear() {
  std::array<char, 512> buffer;
  while (rest_.find('\n') == std::string::npos) {
    const ssize_t n = ::recv(own_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return "";
    rest_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const std::size_t end = rest_.find('\n');
  std::string line = rest_.substr(0, end);
  rest_.erase(0, end + 1);
  return line;
}

std::uint64_t ScriptedMonitor::hear_id() {
  const std::string line = hear();
  const std::size_t at = line.rfind("\"id\":");
  return at == std::string::npos ? 0 : std::stoull(line.substr(at + 5));
}

void ScriptedMonitor::greet() {
  say(R"({"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":""},"capabilities":["oob"]}})" "\r\n");
  answer(hear_id(), "{}");
}

void ScriptedMonitor::answer(std::uint64_t id, const std::string& value) {
  say(R"({"return":)" + value + R"(,"id":)" + std::to_string(id) + "}\r\n");
}

}  // namespace neonvm::qemu
