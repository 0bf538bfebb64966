// WebSocket: RFC 6455 over one Stream, one message at a time. Private to the runtime; the only user of Beast's websocket
// is its .cpp.
//
// Loop thread only. One read, one write, one ping and one close may be under way together. Callbacks come later, once;
// after abort(), or the destructor, none comes. What is written stays the caller's until its callback.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/stream.hpp"

namespace neonvm::runtime {

class WebSocket {
 public:
  using Done = std::function<void(Status)>;

  WebSocket(Stream stream, std::size_t max_message);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Answers the upgrade `request`.
  void accept(const HttpRequest& request, Done done);
  // Asks for the upgrade. A refusal's status becomes a Code, its body part of the message.
  void connect(const std::string& host, const std::string& path, const std::map<std::string, std::string>& headers, Done done);

  void read(std::function<void(Result<ChannelMessage>)> done);
  void write(const ChannelMessage& message, Done done);
  void ping(Done done);
  // The closing handshake; its end is also that of the read that is under way.
  void close(std::uint16_t code, const std::string& reason, Done done);
  void abort();
  // abort(), but the connection lives on and is the caller's.
  [[nodiscard]] UniqueFd release();

  [[nodiscard]] std::uint64_t received() const;
  [[nodiscard]] std::uint64_t sent() const;
  [[nodiscard]] int fd();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
