#include "guest/socket_pump.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace neonvm::guest {
namespace {

bool write_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

// False at the end.
bool carry(int from, int to) {
  std::array<char, 32 * 1024> bytes;
  const ssize_t n = ::read(from, bytes.data(), bytes.size());
  if (n < 0 && errno == EINTR) return true;
  return n > 0 && write_all(to, bytes.data(), static_cast<std::size_t>(n));
}

}  // namespace

void pump(int input, int output, int socket) {
  bool more = true;
  while (true) {
    std::array<pollfd, 2> watched{{{socket, POLLIN, 0}, {more ? input : -1, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
    if (watched[0].revents != 0 && !carry(socket, output)) return;
    if (watched[1].revents == 0 || carry(input, socket)) continue;
    more = false;
    ::shutdown(socket, SHUT_WR);
  }
}

}  // namespace neonvm::guest
