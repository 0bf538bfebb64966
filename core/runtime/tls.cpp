#include "core/runtime/tls.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace neonvm::runtime {

namespace {

namespace ssl = asio::ssl;

class Layer : public TlsLayer {
 public:
  Layer(Socket& socket, ssl::context& context, ssl::stream_base::handshake_type role)
      : stream_(socket, context), role_(role) {}

  SSL* native() { return stream_.native_handle(); }

  void handshake(std::function<void(std::string why)> done) override {
    stream_.async_handshake(role_, [this, done = std::move(done)](error_code error) {
      if (error == asio::error::operation_aborted) return done("given up");
      done(error ? why(error) : "");
    });
  }
  void read(asio::mutable_buffer into, Completion done) override { stream_.async_read_some(into, std::move(done)); }
  void write(asio::const_buffer from, Completion done) override { stream_.async_write_some(from, std::move(done)); }

 private:
  std::string why(error_code error) {
    const long verified = SSL_get_verify_result(native());
    if (verified == X509_V_OK) return error.message();
    return std::string("the other side's certificate: ") + X509_verify_cert_error_string(verified);
  }

  ssl::stream<Socket&> stream_;
  ssl::stream_base::handshake_type role_;
};

class Context : public TlsContext {
 public:
  Context(ssl::stream_base::handshake_type role, std::string name) : role_(role), name_(std::move(name)) {
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    // 40 KiB less a connection while it is idle.
    SSL_CTX_set_mode(context_.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_compression);
  }

  Status load(const TlsFiles& files) {
    error_code error;
    if (!files.certificate_pem.empty()) context_.use_certificate_chain(asio::buffer(files.certificate_pem), error);
    else if (!files.certificate.empty()) context_.use_certificate_chain_file(files.certificate, error);
    if (error) return bad("certificate", files.certificate, error);
    if (!files.key_pem.empty()) context_.use_private_key(asio::buffer(files.key_pem), ssl::context::pem, error);
    else if (!files.key.empty()) context_.use_private_key_file(files.key, ssl::context::pem, error);
    if (error) return bad("key", files.key, error);
    return trust(files);
  }

  [[nodiscard]] std::unique_ptr<TlsLayer> layer(Socket& socket) const override {
    auto made = std::make_unique<Layer>(socket, context_, role_);
    if (role_ == ssl::stream_base::client) expect_name(made->native());
    else if (!name_.empty()) SSL_set1_host(made->native(), name_.c_str());
    return made;
  }

 private:
  Status trust(const TlsFiles& files) {
    error_code error;
    const bool client = role_ == ssl::stream_base::client, any = !files.ca.empty() || !files.ca_pem.empty();
    if (client && files.unverified) return {};
    if (!files.ca_pem.empty()) context_.add_certificate_authority(asio::buffer(files.ca_pem), error);
    else if (!files.ca.empty()) context_.load_verify_file(files.ca, error);
    if (error) return bad("ca", files.ca, error);
    if (client && !any) context_.set_default_verify_paths(error);
    if (client || any) context_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    return {};
  }

  static Error bad(const char* what, const std::string& path, error_code error) {
    return {Code::invalid_argument, std::string("TLS ") + what + (path.empty() ? "" : " " + path) + ": " + error.message()};
  }

  void expect_name(SSL* connection) const {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), name_.c_str()) == 1) return;
    SSL_set1_host(connection, name_.c_str());
    SSL_set_tlsext_host_name(connection, name_.c_str());
  }

  mutable ssl::context context_{ssl::context::tls};
  ssl::stream_base::handshake_type role_;
  std::string name_;
};

Result<std::shared_ptr<const TlsContext>> make(ssl::stream_base::handshake_type role, const TlsFiles& files,
                                               const std::string& name) {
  try {
    auto context = std::make_shared<Context>(role, name);
    if (Status loaded = context->load(files); !loaded.ok()) return loaded.error();
    return std::shared_ptr<const TlsContext>(std::move(context));
  } catch (const boost::system::system_error& error) {
    return Error{Code::internal, std::string("TLS: ") + error.what()};
  }
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> tls_server(const TlsFiles& files) {
  if (files.certificate.empty() || files.key.empty()) {
    return Error{Code::invalid_argument, "TLS: a server needs a certificate and a key"};
  }
  return make(ssl::stream_base::server, files, files.client_name);
}

Result<std::shared_ptr<const TlsContext>> tls_client(const TlsFiles& files, const std::string& address) {
  return make(ssl::stream_base::client, files, files.server_name.empty() ? address : files.server_name);
}

}  // namespace neonvm::runtime
