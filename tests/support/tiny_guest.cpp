#include "tests/support/tiny_guest.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace neonvm::support {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

std::string output_of(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string output;
  std::array<char, 256> buffer;
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

struct BuiltImage {
  std::string folder;
  TinyImage image;

  BuiltImage() {
    std::string name = (std::filesystem::temp_directory_path() / "neonvm-tiny-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    folder = name;
    image.initrd = folder + "/initrd.cpio";
    image.kernel = output_of(std::string(NEONVM_TINY_GUEST_SCRIPT) + " " + NEONVM_TINY_GUEST_AGENT + " " + image.initrd);
  }
  ~BuiltImage() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};
}  // namespace

const TinyImage& tiny_image() {
  static const BuiltImage built;
  return built.image;
}

MachineSpec tiny_machine(const std::string& name, const std::string& run_dir) {
  MachineSpec spec;
  spec.name = name;
  spec.uuid = "6f1d7a3e-0b52-4d8c-9a57-3c1c5f2d9e10";
  spec.run_dir = run_dir;
  spec.max_cpus = 4;
  spec.boot_cpus = 1;
  spec.cpu_mode = CpuScalingMode::qmp;
  spec.base_memory = Bytes{256 * mib};
  spec.pluggable_memory = Bytes{2 * gib};
  spec.kernel = tiny_image().kernel;
  spec.initrd = tiny_image().initrd;
  spec.cmdline = "console=ttyS0 no_timer_check quiet panic=-1 memhp_default_state=online_movable";
  spec.networks.push_back({NetworkKind::user, "02:00:00:00:00:01", "", {}, true});
  spec.guest_socket = run_dir + "/guest.sock";
  spec.console_socket = run_dir + "/console.sock";
  spec.console_log = run_dir + "/console.log";
  return spec;
}

TinyGuest::TinyGuest(const MachineSpec& spec) : path_(spec.guest_socket) {}

TinyGuest::~TinyGuest() {
  if (socket_ >= 0) ::close(socket_);
}

bool TinyGuest::connect() {
  if (socket_ >= 0) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long: " + path_);
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return true;
  ::close(socket_);
  socket_ = -1;
  return false;
}

std::optional<std::string> TinyGuest::ask(const std::string& line, Duration limit) {
  const Instant deadline = clock_now() + limit;
  if (!connect()) return std::nullopt;
  const std::string sent = line + "\n";
  if (::send(socket_, sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size())) return std::nullopt;
  while (rest_.find('\n') == std::string::npos) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock_now()).count();
    pollfd wait{socket_, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) return std::nullopt;
    std::array<char, 512> buffer;
    const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (n <= 0) return std::nullopt;
    rest_.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const std::size_t end = rest_.find('\n');
  std::string answer = rest_.substr(0, end);
  rest_.erase(0, end + 1);
  return answer;
}

std::optional<std::uint64_t> TinyGuest::number(const std::string& line) {
  const auto answer = ask(line);
  const std::size_t blank = answer ? answer->rfind(' ') : std::string::npos;
  if (blank == std::string::npos) return std::nullopt;
  return std::strtoull(answer->c_str() + blank, nullptr, 10);
}

bool TinyGuest::wait_boot(Duration limit) { return ask("ping", limit) == "pong"; }

std::optional<TinyGuest::Check> TinyGuest::check() {
  const auto answer = ask("check");
  if (!answer) return std::nullopt;
  std::istringstream words(*answer);
  std::string word;
  Check result;
  if (!(words >> word >> result.sweeps >> word >> result.errors)) return std::nullopt;
  return result;
}

}  // namespace neonvm::support
