#include "guest/uevents.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "guest/text_fields.hpp"

namespace neonvm::guest {

Result<Uevent> parse_uevent(std::string_view datagram) {
  Uevent event;
  while (!datagram.empty()) {
    const std::size_t end = datagram.find('\0');
    const std::string_view field = datagram.substr(0, end);
    datagram.remove_prefix(end == std::string_view::npos ? datagram.size() : end + 1);
    if (field.starts_with("ACTION=")) event.action = field.substr(7);
    if (field.starts_with("DEVPATH=")) event.path = field.substr(8);
    if (field.starts_with("SUBSYSTEM=")) event.subsystem = field.substr(10);
  }
  if (event.action.empty() || event.path.empty() || event.subsystem.empty()) {
    return Error{Code::invalid_argument, "a uevent without ACTION, DEVPATH or SUBSYSTEM"};
  }
  return event;
}

Result<std::uint32_t> device_number(std::string_view path, std::string_view prefix) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto number = name.starts_with(prefix) ? whole_number<std::uint32_t>(name.substr(prefix.size()))
                                               : std::optional<std::uint32_t>{};
  if (!number) return Error{Code::invalid_argument, std::string(path) + " is not a " + std::string(prefix)};
  return *number;
}

Uevents::Uevents(std::function<void(const Uevent&)> seen, std::function<void()> lost)
    : seen_(std::move(seen)), lost_(std::move(lost)) {}

Status Uevents::open(runtime::Loop& loop) {
  socket_.reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!socket_.valid()) return errno_error("uevent socket", errno);
  // 64 memory blocks can appear in one millisecond, and each event is about 200 bytes.
  const int room = 1 << 20;
  if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1;  // the kernel's own events; group 2 is udev's
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("uevent socket", errno);
  }
  watch_ = loop.watch_readable(socket_.get(), [this] { read(); });
  return {};
}

void Uevents::read() {
  char buffer[8192];
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t got = ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&sender), &length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOBUFS) {
      lost_();
      continue;
    }
    if (got < 0) return;
    if (sender.nl_pid != 0) continue;  // only the kernel's word counts: any process can send to this socket
    if (const auto event = parse_uevent({buffer, static_cast<std::size_t>(got)})) seen_(*event);
  }
}

}  // namespace neonvm::guest
