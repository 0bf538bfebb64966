// ClientConnect: from an endpoint to a connected (and encrypted) Stream. Private to the runtime.
//
// On the thread of its io_context. `done` is called once, later, unless cancel() came first. It keeps itself alive.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "core/runtime/address.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/stream.hpp"

namespace neonvm::runtime {

class ClientConnect : public std::enable_shared_from_this<ClientConnect> {
 public:
  using Done = std::function<void(Result<Stream>)>;

  ClientConnect(asio::io_context& io, Endpoint endpoint, TlsFiles tls)
      : io_(io), endpoint_(std::move(endpoint)), tls_(std::move(tls)), retry_(io) {}

  // With a context that is there already, instead of one made of the files.
  void use(std::shared_ptr<const TlsContext> context) { context_ = std::move(context); }
  void start(Done done);
  void cancel();

 private:
  static void keep_honest(int fd);
  void try_connect();
  void connected();
  void encrypt();
  void finish(Result<Stream> result);
  [[nodiscard]] Error refused(int number) const;

  asio::io_context& io_;
  Endpoint endpoint_;
  TlsFiles tls_;
  std::shared_ptr<const TlsContext> context_;
  Address address_;
  asio::steady_timer retry_;
  std::optional<Stream> stream_;
  Done done_;
};

// Puts the endpoint in front of why it failed.
Error at_endpoint(const Endpoint& endpoint, const Error& error);

}  // namespace neonvm::runtime
