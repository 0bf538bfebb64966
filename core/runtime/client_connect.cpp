#include "core/runtime/client_connect.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/post.hpp>
#include <cerrno>

#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

Error at_endpoint(const Endpoint& endpoint, const Error& error) { return error.at(to_string(endpoint)); }

Error ClientConnect::refused(int number) const {
  switch (number) {
    case ENOENT: return {Code::unavailable, "nobody listens there: no such socket"};
    case ECONNREFUSED: return {Code::unavailable, "nobody listens there: connection refused"};
    case EACCES:
    case EPERM: return {Code::permission_denied, "not allowed to connect; the socket belongs to another user"};
    default: return {Code::unavailable, "cannot connect: " + errno_text(number)};
  }
}

// A machine that vanished says nothing: the kernel asks a silent peer after 15 s, and gives up 15 s later.
void ClientConnect::keep_honest(int fd) {
  const int on = 1, idle = 15, interval = 5, probes = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void ClientConnect::start(Done done) {
  done_ = std::move(done);
  Result<Address> address = to_address(endpoint_);
  if (address.ok()) address_ = *address;
  asio::post(io_, [self = shared_from_this(), address = std::move(address)] {
    if (!address.ok()) return self->finish(address.error());
    self->try_connect();
  });
}

void ClientConnect::cancel() {
  done_ = nullptr;
  stream_.reset();
  retry_.cancel();
}

// By hand, because on a Unix socket whose queue is full connect() says EAGAIN, which Asio takes for "under way" and
// then for success.
void ClientConnect::try_connect() {
  if (!done_) return;
  UniqueFd fd(socket(address_.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return finish(refused(errno));
  if (address_.family() != AF_UNIX) keep_honest(fd.get());
  const int failed = connect(fd.get(), address_.get(), address_.size) == 0 ? 0 : errno;
  if (failed == EAGAIN) {
    // No event tells when there is room in another process's queue.
    retry_.expires_after(std::chrono::milliseconds(10));
    return retry_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->try_connect();
    });
  }
  if (failed != 0 && failed != EINPROGRESS) return finish(refused(failed));
  stream_.emplace(io_, std::move(fd), address_.family());
  if (failed == 0) return encrypt();
  stream_->socket().async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
    if (!error) self->connected();
  });
}

void ClientConnect::connected() {
  if (!done_) return;
  int failed = 0;
  socklen_t size = sizeof(failed);
  getsockopt(stream_->socket().native_handle(), SOL_SOCKET, SO_ERROR, &failed, &size);
  if (failed != 0) return finish(refused(failed));
  encrypt();
}

void ClientConnect::encrypt() {
  if (endpoint_.scheme != Endpoint::Scheme::tls) return finish(std::move(*stream_));
  if (!context_) {
    Result<std::shared_ptr<const TlsContext>> made = tls_client(tls_, endpoint_.host);
    if (!made.ok()) return finish(made.error());
    context_ = std::move(*made);
  }
  stream_->start_tls(*context_, [self = shared_from_this()](const std::string& why) {
    if (!self->done_) return;
    if (!why.empty()) return self->finish(Error{Code::permission_denied, "TLS: " + why});
    self->finish(std::move(*self->stream_));
  });
}

void ClientConnect::finish(Result<Stream> result) {
  stream_.reset();
  if (const Done done = std::exchange(done_, nullptr)) {
    if (!result.ok()) return done(at_endpoint(endpoint_, result.error()));
    done(std::move(result));
  }
}

}  // namespace neonvm::runtime
