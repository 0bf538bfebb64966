#include "core/runtime/tls.hpp"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <map>
#include <mutex>

#include "core/runtime/tls_layer.hpp"

namespace neonvm::runtime {

namespace {

namespace ssl = asio::ssl;

class Context : public TlsContext {
 public:
  Context(ssl::stream_base::handshake_type role, std::string name) : role_(role), name_(std::move(name)) {}

  // With what another one has loaded; only `name` is its own.
  Context(std::shared_ptr<ssl::context> loaded, std::string name)
      : context_(std::move(loaded)), role_(ssl::stream_base::client), name_(std::move(name)) {}

  [[nodiscard]] std::shared_ptr<ssl::context> loaded() const { return context_; }

  Status load(const TlsFiles& files) {
    SSL_CTX* const all = context_->native_handle();
    SSL_CTX_set_min_proto_version(all, TLS1_2_VERSION);
    // 40 KiB less a connection while it is idle.
    SSL_CTX_set_mode(all, SSL_MODE_RELEASE_BUFFERS);
    // Connections are kept, and none is begun again.
    SSL_CTX_set_session_cache_mode(all, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(all, 0);
    context_->set_options(ssl::context::default_workarounds | ssl::context::no_compression | SSL_OP_NO_TICKET);
    error_code error;
    if (!files.certificate_pem.empty()) context_->use_certificate_chain(asio::buffer(files.certificate_pem), error);
    else if (!files.certificate.empty()) context_->use_certificate_chain_file(files.certificate, error);
    if (error) return bad("certificate", files.certificate, error);
    if (!files.key_pem.empty()) context_->use_private_key(asio::buffer(files.key_pem), ssl::context::pem, error);
    else if (!files.key.empty()) context_->use_private_key_file(files.key, ssl::context::pem, error);
    if (error) return bad("key", files.key, error);
    return trust(files);
  }

  [[nodiscard]] std::unique_ptr<TlsLayer> layer(Socket& socket) const override {
    SSL* const made = SSL_new(context_->native_handle());
    if (made == nullptr) throw std::bad_alloc();
    if (role_ == ssl::stream_base::client) expect_name(made);
    else if (!name_.empty()) SSL_set1_host(made, name_.c_str());
    return tls_layer(socket, made, role_ == ssl::stream_base::server, context_);
  }

 private:
  Status trust(const TlsFiles& files) {
    error_code error;
    const bool client = role_ == ssl::stream_base::client, any = !files.ca.empty() || !files.ca_pem.empty();
    if (client && files.unverified) return {};
    if (!files.ca_pem.empty()) context_->add_certificate_authority(asio::buffer(files.ca_pem), error);
    else if (!files.ca.empty()) context_->load_verify_file(files.ca, error);
    if (error) return bad("ca", files.ca, error);
    if (client && !any) context_->set_default_verify_paths(error);
    if (client || any) context_->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
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

  std::shared_ptr<ssl::context> context_ = std::make_shared<ssl::context>(ssl::context::tls);
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
  const std::string name = files.server_name.empty() ? address : files.server_name;
  // Whoever brings nothing but trust in one authority, as towards thousands of runners, has it with all the others.
  const bool shared = !files.ca_pem.empty() && files.certificate.empty() && files.certificate_pem.empty() && !files.unverified;
  if (!shared) return make(ssl::stream_base::client, files, name);
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<ssl::context>> by_authority;
  const std::lock_guard lock(mutex);
  if (auto loaded = by_authority[files.ca_pem].lock()) return std::shared_ptr<const TlsContext>(std::make_shared<Context>(std::move(loaded), name));
  std::erase_if(by_authority, [](const auto& each) { return each.second.expired(); });
  auto made = make(ssl::stream_base::client, files, name);
  if (made) by_authority[files.ca_pem] = static_cast<const Context&>(**made).loaded();
  return made;
}

}  // namespace neonvm::runtime
