#include "core/network/handover.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{Code::invalid_argument, path + " is too long for a socket"};
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

Result<int> listen_at(const std::string& short_path, const std::string& path) {
  const auto address = address_of(short_path);
  if (!address) return address.error();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return error_from(errno, path);
  constexpr int backlog = 8;
  // Whoever can see the folder may call: a runner is an ordinary user.
  const bool listens = (::unlink(short_path.c_str()) == 0 || errno == ENOENT) &&
                       ::bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 && ::chmod(short_path.c_str(), 0666) == 0 &&
                       ::listen(fd, backlog) == 0;
  if (listens) return fd;
  const int number = errno;
  ::close(fd);
  return error_from(number, path);
}

}  // namespace

Result<int> offer(const std::string& folder, const std::string& name) {
  const int place = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (place < 0) return error_from(errno, folder);
  auto fd = listen_at("/proc/self/fd/" + std::to_string(place) + "/" + name, folder + "/" + name);
  ::close(place);
  return fd;
}

int next_caller(int offering) { return ::accept4(offering, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }

Status hand_over(int caller, const std::string& line, int file) {
  iovec part{const_cast<char*>(line.data()), line.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (file >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  if (::sendmsg(caller, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(line.size())) return {};
  return error_from(errno, "whoever called for a port");
}

Result<int> call(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_from(errno, path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0) return fd;
  const int number = errno;
  ::close(fd);
  return Error{number == ENOENT ? Code::not_found : Code::unavailable, path + ": " + std::strerror(number)};
}

Result<Handed> take(int connection, Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  pollfd wait{connection, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) return Error{Code::deadline_exceeded, "nothing was handed over in time"};
  std::array<char, 4096> line{};
  iovec part{line.data(), line.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return Error{Code::unavailable, "the connection was closed before anything was handed over"};
  Handed handed{{line.data(), static_cast<std::size_t>(got)}, -1};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) std::memcpy(&handed.file, CMSG_DATA(header), sizeof handed.file);
  return handed;
}

}  // namespace neonvm::network
