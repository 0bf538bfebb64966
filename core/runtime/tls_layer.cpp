#include "core/runtime/tls_layer.hpp"

#include <openssl/err.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <utility>

namespace neonvm::runtime {

namespace {

Socket& socket_of(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }

bool try_again(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

// By hand: OpenSSL's own socket BIO raises SIGPIPE.
int send_some(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto sent = ::send(socket_of(bio).native_handle(), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && try_again(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int receive_some(BIO* bio, char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto received = ::recv(socket_of(bio).native_handle(), bytes, static_cast<std::size_t>(size), 0);
  if (received < 0 && try_again(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(received);
}

long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* over_sockets() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket of neonvm");
    BIO_meth_set_write(made, send_some);
    BIO_meth_set_read(made, receive_some);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return method;
}

// After a call that failed for good. The system's error number is that of the call.
error_code failure(int kind, int system) {
  if (kind == SSL_ERROR_ZERO_RETURN) return asio::error::eof;
  if (const unsigned long why = ERR_get_error(); why != 0) {
    if (ERR_GET_REASON(why) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return asio::ssl::error::stream_truncated;
    return {static_cast<int>(why), asio::error::get_ssl_category()};
  }
  if (system != 0) return {system, asio::error::get_system_category()};
  return asio::ssl::error::stream_truncated;
}

class Layer final : public TlsLayer {
 public:
  Layer(Socket& socket, SSL* ssl, bool server, std::shared_ptr<const void> context)
      : socket_(socket), context_(std::move(context)), ssl_(ssl, &SSL_free) {
    BIO* bio = BIO_new(over_sockets());
    BIO_set_data(bio, &socket_);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(ssl, 1);
    server ? SSL_set_accept_state(ssl) : SSL_set_connect_state(ssl);
  }

  void handshake(std::function<void(std::string why)> done) override {
    go(SSL_do_handshake, Completion([this, done = std::move(done)](error_code error, std::size_t) {
         if (error == asio::error::operation_aborted) return done("given up");
         done(error ? why(error) : "");
       }), true);
  }

  void read(asio::mutable_buffer into, Completion done) override {
    if (into.size() == 0) return later({}, 0, std::move(done));
    go([into](SSL* ssl) { return SSL_read(ssl, into.data(), size_of(into.size())); }, std::move(done), true);
  }

  void write(asio::const_buffer from, Completion done) override {
    if (from.size() == 0) return later({}, 0, std::move(done));
    go([from](SSL* ssl) { return SSL_write(ssl, from.data(), size_of(from.size())); }, std::move(done), true);
  }

 private:
  static int size_of(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1 << 20)); }

  // Nobody is called back from inside a call of theirs.
  void later(error_code error, std::size_t bytes, Completion done) {
    asio::post(socket_.get_executor(), [error, bytes, done = std::move(done)]() mutable { done(error, bytes); });
  }

  template <typename Attempt>
  void go(Attempt attempt, Completion done, bool inside_a_call) {
    ERR_clear_error();
    errno = 0;
    const int result = socket_.is_open() ? attempt(ssl_.get()) : -1;
    const int system = errno, kind = socket_.is_open() ? SSL_get_error(ssl_.get(), result) : SSL_ERROR_SYSCALL;
    if (result <= 0 && (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)) {
      const auto what = kind == SSL_ERROR_WANT_READ ? Socket::wait_read : Socket::wait_write;
      return socket_.async_wait(what, [this, attempt, done = std::move(done)](error_code error) mutable {
        if (error) return done(error, 0);
        go(attempt, std::move(done), false);
      });
    }
    error_code error;
    if (!socket_.is_open()) error = asio::error::operation_aborted;
    else if (result <= 0) error = failure(kind, system);
    const std::size_t bytes = result > 0 ? static_cast<std::size_t>(result) : 0;
    if (inside_a_call) return later(error, bytes, std::move(done));
    done(error, bytes);
  }

  [[nodiscard]] std::string why(error_code error) const {
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified == X509_V_OK) return error.message();
    return std::string("the other side's certificate: ") + X509_verify_cert_error_string(verified);
  }

  Socket& socket_;
  const std::shared_ptr<const void> context_;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace

std::unique_ptr<TlsLayer> tls_layer(Socket& socket, SSL* ssl, bool server, std::shared_ptr<const void> context) {
  return std::make_unique<Layer>(socket, ssl, server, std::move(context));
}

}  // namespace neonvm::runtime
