#include "guest/edge_watch.hpp"

#include <sys/epoll.h>

#include <cerrno>

namespace neonvm::guest {

Status EdgeWatch::open(runtime::Loop& loop, int fd, std::uint32_t events, std::function<void(std::uint32_t)> changed) {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_.valid()) return errno_error("epoll", errno);
  epoll_event interest{};
  interest.events = events | EPOLLET;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) return errno_error("epoll", errno);
  changed_ = std::move(changed);
  watch_ = loop.watch_readable(epoll_.get(), [this] { read(); });
  return {};
}

void EdgeWatch::read() {
  epoll_event event{};
  if (::epoll_wait(epoll_.get(), &event, 1, 0) != 1) return;
  // A copy: the call may end this watch.
  const auto changed = changed_;
  changed(event.events);
}

}  // namespace neonvm::guest
