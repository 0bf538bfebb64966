#include "guest/port_stream.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace neonvm::guest {

PortStream::PortStream(Fd fd, std::size_t line_limit, PortHandlers handlers)
    : fd_(std::move(fd)), handlers_(std::move(handlers)), lines_(line_limit) {}

Status PortStream::open(runtime::Loop& loop) {
  struct stat facts {};
  if (::fstat(fd_.get(), &facts) != 0) return errno_error("port", errno);
  is_device_ = S_ISCHR(facts.st_mode);
  return watch_.open(loop, fd_.get(), EPOLLIN | EPOLLOUT | EPOLLHUP, [this](std::uint32_t) { changed(); });
}

bool PortStream::host_is_there() const {
  pollfd state{fd_.get(), POLLIN | POLLOUT, 0};
  return ::poll(&state, 1, 0) >= 0 && (state.revents & POLLHUP) == 0;
}

void PortStream::changed() {
  if (!connected_ && host_is_there()) {
    connected_ = true;
    lines_.restart();
    handlers_.connected();
  }
  // The last words of a host that has hung up are read too.
  read_all();
  if (connected_) write_all();
}

void PortStream::read_all() {
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0 && connected_ && errno == ECONNRESET) return hung_up();
    if (got < 0) return handlers_.gone(errno_error("port", errno));
    if (got == 0) return hung_up();
    lines_.feed({buffer, static_cast<std::size_t>(got)}, handlers_.line, handlers_.too_long);
  }
}

// A port reads as ended for as long as the host is not connected, and an edge tells when it comes back.
void PortStream::hung_up() {
  control_.clear();
  bulk_.clear();
  begun_ = nullptr;
  written_ = queued_ = 0;
  if (connected_) {
    connected_ = false;
    handlers_.disconnected();
  }
  if (!is_device_) handlers_.gone(Error{Code::unavailable, "the host has closed the link"});
}

void PortStream::send(std::string line, Lane lane) {
  if (!connected_) return;
  queued_ += line.size();
  (lane == Lane::control ? control_ : bulk_).push_back(std::move(line));
  write_all();
}

void PortStream::write_all() {
  while (begun_ != nullptr || !control_.empty() || !bulk_.empty()) {
    if (begun_ == nullptr) begun_ = control_.empty() ? &bulk_ : &control_;
    if (!write_front(*begun_)) return;
    begun_ = nullptr;
    written_ = 0;
  }
}

// False: no room now (an edge tells when there is), or the host has gone, which reading will say.
bool PortStream::write_front(std::deque<std::string>& lane) {
  const std::string& line = lane.front();
  while (written_ < line.size()) {
    const ssize_t put = ::write(fd_.get(), line.data() + written_, line.size() - written_);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    written_ += static_cast<std::size_t>(put);
  }
  queued_ -= line.size();
  lane.pop_front();
  return true;
}

}  // namespace neonvm::guest
