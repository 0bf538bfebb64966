#include "tests/core/runtime/peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <future>
#include <stdexcept>

namespace neonvm::runtime {

namespace {

// No test waits longer than this for its peer.
constexpr int patience_ms = 10000;

int connected(const Endpoint& endpoint) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (endpoint.scheme == Endpoint::Scheme::unix_socket) {
    auto& un = reinterpret_cast<sockaddr_un&>(storage);
    un.sun_family = AF_UNIX;
    std::strncpy(un.sun_path, endpoint.host.c_str(), sizeof(un.sun_path) - 1);
    size = sizeof(un);
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    inet_pton(AF_INET, endpoint.host.c_str(), &in.sin_addr);
    size = sizeof(in);
  }
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0) throw std::runtime_error("connect failed");
  return fd;
}

}  // namespace

Raw::Raw(const Endpoint& endpoint) : fd_(connected(endpoint)) {}

bool Raw::say(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Raw::hear_until(std::string_view end) {
  std::string heard;
  std::array<char, 4096> buffer{};
  while (heard.find(end) == std::string::npos) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, patience_ms) <= 0) return heard + "<silence>";
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) return heard;
    heard.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return heard;
}

bool Raw::closed() { return hear_all().find("<silence>") == std::string::npos; }

void Raw::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Backstage::on_loop(const std::function<void()>& task) {
  std::promise<void> done;
  loop.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

void Backstage::end() {
  if (!thread_.joinable()) return;
  loop.stop();
  thread_.join();
}

std::string websocket_accept(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 64> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

void bind_unix(int fd, const std::string& path) {
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::strncpy(un.sun_path, path.c_str(), sizeof(un.sun_path) - 1);
  if (bind(fd, reinterpret_cast<sockaddr*>(&un), sizeof(un)) != 0) throw std::runtime_error("bind failed");
}

std::size_t open_descriptors() {
  using std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(directory_iterator("/proc/self/fd"), directory_iterator()));
}

}  // namespace neonvm::runtime
