#include "core/runtime/listener.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/runtime/log.hpp"

namespace neonvm::runtime {

namespace {

constexpr int backlog = 512;
// So many at one go, so that a flood of callers does not keep the loop from its other work.
constexpr int accepts_per_turn = 32;

Error bind_error(const Endpoint& endpoint, int number) {
  const std::string at = to_string(endpoint) + ": ";
  switch (number) {
    case EADDRINUSE: return {Code::already_exists, at + "address in use; choose another port or stop who listens there"};
    case EACCES: return {Code::permission_denied, at + "not allowed to listen there; ports below 1024 need root"};
    case EADDRNOTAVAIL: return {Code::invalid_argument, at + "this machine has no such address"};
    default: return {Code::unavailable, at + errno_text(number)};
  }
}

Result<UniqueFd> listen_tcp(const Endpoint& endpoint) {
  Result<Address> address = to_address(endpoint);
  if (!address.ok()) return address.error();
  UniqueFd fd(socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return bind_error(endpoint, errno);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), address->get(), address->size) != 0 || listen(fd.get(), backlog) != 0) {
    return bind_error(endpoint, errno);
  }
  return fd;
}

bool is_lasting(int number) { return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM; }

}  // namespace

Listener::~Listener() {
  watch_ = {};
  if (path_.empty()) return;
  struct stat now {};
  if (lstat(path_.c_str(), &now) == 0 && now.st_dev == made_.st_dev && now.st_ino == made_.st_ino) {
    unlink(path_.c_str());
  }
}

Result<Endpoint> Listener::open(const Endpoint& endpoint, unsigned mode) {
  const bool is_unix = endpoint.scheme == Endpoint::Scheme::unix_socket;
  Result<UniqueFd> opened = is_unix ? listen_unix(endpoint.host, mode) : listen_tcp(endpoint);
  if (!opened.ok()) return opened.error();
  fd_ = std::move(*opened);
  Endpoint actual = endpoint;
  if (is_unix) {
    if (lstat(endpoint.host.c_str(), &made_) == 0) path_ = endpoint.host;
  } else {
    Address bound;
    bound.size = sizeof(bound.storage);
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
    actual.port = port_of(bound);
  }
  if (!paused_) resume();
  return actual;
}

void Listener::pause() {
  paused_ = true;
  watch_ = {};
  retry_.cancel();
}

void Listener::resume() {
  paused_ = false;
  if (fd_) watch_ = loop_.watch_readable(fd_.get(), [this] { accept_some(); });
}

void Listener::accept_some() {
  for (int i = 0; i < accepts_per_turn && !paused_; ++i) {
    Address from;
    from.size = sizeof(from.storage);
    UniqueFd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from.storage), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      accepted_(std::move(fd), from);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (!is_lasting(errno)) return;
    // The kernel tells nobody when descriptors are to be had again, and the socket stays readable: look again later.
    log_warning("runtime", "cannot accept callers", {{"why", errno_text(errno)}});
    watch_ = {};
    retry_ = loop_.after(std::chrono::milliseconds(100), [this] { resume(); });
    return;
  }
}

}  // namespace neonvm::runtime
