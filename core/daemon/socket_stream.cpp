#include "core/daemon/socket_stream.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace neonvm::daemon {

namespace {

constexpr Duration first_backoff = std::chrono::milliseconds(100);
constexpr Duration max_backoff = std::chrono::seconds(2);
// A peer that stopped reading for so long is not worth the memory: a QEMU whose guest never drains its port.
constexpr std::size_t max_queued = 8 * 1024 * 1024;

int open_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int saved = errno;
    close(fd);
    errno = saved;
    return -1;
  }
  return fd;
}

}  // namespace

SocketStream::SocketStream(runtime::Loop& loop, std::string path, Callbacks callbacks)
    : loop_(loop), path_(std::move(path)), callbacks_(std::move(callbacks)) {}

SocketStream::~SocketStream() { stop(); }

void SocketStream::start() {
  if (running_) return;
  running_ = true;
  backoff_ = first_backoff;
  try_connect();
}

void SocketStream::stop() {
  running_ = false;
  retry_.cancel();
  if (fd_ < 0) return;
  read_watch_ = {};
  write_watch_ = {};
  watching_write_ = false;
  close(fd_);
  fd_ = -1;
  out_.clear();
  written_ = 0;
}

void SocketStream::try_connect() {
  fd_ = open_unix(path_);
  if (fd_ < 0) {
    retry_ = loop_.after(backoff_, [this] { try_connect(); });
    backoff_ = std::min(backoff_ * 2, max_backoff);
    return;
  }
  read_watch_ = loop_.watch_readable(fd_, [this] { readable(); });
  if (callbacks_.opened) callbacks_.opened();
}

void SocketStream::close_with(const std::string& why) {
  stop();
  running_ = true;
  retry_ = loop_.after(backoff_, [this] { try_connect(); });
  backoff_ = std::min(backoff_ * 2, max_backoff);
  if (callbacks_.lost) callbacks_.lost(why);
}

void SocketStream::readable() {
  std::array<char, 32 * 1024> buffer;
  const ssize_t n = read(fd_, buffer.data(), buffer.size());
  if (n > 0) {
    backoff_ = first_backoff;
    callbacks_.bytes(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
    return;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  close_with(n == 0 ? "closed by the other side" : std::strerror(errno));
}

void SocketStream::write(std::string_view bytes) {
  if (fd_ < 0) return;
  if (queued() + bytes.size() > max_queued) {
    close_with("the other side does not read");
    return;
  }
  out_.append(bytes);
  flush();
}

void SocketStream::flush() {
  while (written_ < out_.size()) {
    const ssize_t n = send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (n > 0) {
      written_ += static_cast<std::size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (!watching_write_) write_watch_ = loop_.watch_writable(fd_, [this] { flush(); });
      watching_write_ = true;
      return;
    }
    close_with(std::strerror(errno));
    return;
  }
  out_.clear();
  written_ = 0;
  if (watching_write_) write_watch_ = {};
  watching_write_ = false;
}

}  // namespace neonvm::daemon
