// TLS above a socket, without showing OpenSSL. Private to the runtime.
//
// Implemented in tls.cpp; the guest's build has tls_none.cpp instead, whose every call is `unsupported`. Contexts are
// shared by the connections of one server or client, those of clients that trust one authority and have no certificate by all of
// them, on any thread; a connection belongs to one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/runtime/http.hpp"
#include "core/runtime/stream.hpp"

namespace neonvm::runtime {

// One connection's encryption; its socket outlives it.
class TlsLayer {
 public:
  virtual ~TlsLayer() = default;
  // `why` is empty when it succeeded.
  virtual void handshake(std::function<void(std::string why)> done) = 0;
  virtual void read(asio::mutable_buffer into, Completion done) = 0;
  virtual void write(asio::const_buffer from, Completion done) = 0;
};

class TlsContext {
 public:
  virtual ~TlsContext() = default;
  [[nodiscard]] virtual std::unique_ptr<TlsLayer> layer(Socket& socket) const = 0;
};

Result<std::shared_ptr<const TlsContext>> tls_server(const TlsFiles& files);
Result<std::shared_ptr<const TlsContext>> tls_client(const TlsFiles& files, const std::string& address);

// A server's context, made anew when one of its files has changed: certificates are renewed under running daemons.
class TlsServerFiles {
 public:
  explicit TlsServerFiles(TlsFiles files) : files_(std::move(files)) {}
  // The old one stays in use while the new files are not good; the log says so.
  Result<std::shared_ptr<const TlsContext>> context();

 private:
  [[nodiscard]] std::string fingerprint() const;

  TlsFiles files_;
  std::string seen_;
  std::shared_ptr<const TlsContext> context_;
};

}  // namespace neonvm::runtime
