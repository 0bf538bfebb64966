#include "core/runtime/stream.hpp"

#include <boost/asio/post.hpp>

#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

// Shared with each operation under way, which writes into it when it ends.
struct Stream::Core {
  explicit Core(asio::io_context& io) : socket(io) {}
  Socket socket;
  std::unique_ptr<TlsLayer> tls;
  std::string ahead;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

Stream::Stream(asio::io_context& io, UniqueFd fd, int family) : core_(std::make_shared<Core>(io)) {
  error_code refused;
  core_->socket.assign(asio::generic::stream_protocol(family, 0), fd.get(), refused);
  // Unwatchable only when epoll is out of memory; reads then fail, as on a closed socket.
  if (!refused) static_cast<void>(fd.release());
}

Stream::Stream(Stream&&) noexcept = default;

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) close();
  core_ = std::move(other.core_);
  return *this;
}

Stream::~Stream() { close(); }

void Stream::start_tls(const TlsContext& context, std::function<void(std::string why)> done) {
  core_->tls = context.layer(core_->socket);
  core_->tls->handshake([core = core_, done = std::move(done)](std::string why) { done(std::move(why)); });
}

Socket& Stream::socket() { return core_->socket; }

void Stream::put_back(std::string bytes) { core_->ahead.insert(0, bytes); }

Stream::executor_type Stream::get_executor() { return core_->socket.get_executor(); }

std::uint64_t Stream::received() const { return core_->received; }

std::uint64_t Stream::sent() const { return core_->sent; }

void Stream::shutdown_send() {
  error_code ignored;
  core_->socket.shutdown(Socket::shutdown_send, ignored);
}

void Stream::close() {
  if (!core_) return;
  error_code ignored;
  core_->socket.close(ignored);
}

UniqueFd Stream::release() {
  error_code refused;
  const int fd = core_->socket.is_open() ? core_->socket.release(refused) : -1;
  return UniqueFd(refused ? -1 : fd);
}

void Stream::read(asio::mutable_buffer into, Completion done) {
  auto ended = [core = core_, done = std::move(done)](error_code error, std::size_t bytes) mutable {
    core->received += bytes;
    done(error, bytes);
  };
  if (!core_->ahead.empty()) {
    const std::size_t bytes = asio::buffer_copy(into, asio::buffer(core_->ahead));
    core_->ahead.erase(0, bytes);
    asio::post(get_executor(), [ended = std::move(ended), bytes]() mutable { ended({}, bytes); });
  } else if (core_->tls) {
    core_->tls->read(into, Completion(std::move(ended)));
  } else {
    core_->socket.async_read_some(into, std::move(ended));
  }
}

void Stream::write(const Gather& from, Completion done) {
  auto ended = [core = core_, done = std::move(done)](error_code error, std::size_t bytes) mutable {
    core->sent += bytes;
    done(error, bytes);
  };
  if (core_->tls) {
    core_->tls->write(from.count > 0 ? from.buffers[0] : asio::const_buffer(), Completion(std::move(ended)));
  } else {
    core_->socket.async_write_some(from, std::move(ended));
  }
}

}  // namespace neonvm::runtime
