// Channel: messages to and from one peer, in order (a WebSocket inside, RFC 6455, no compression).
//
// Threads: loop thread only. Lifetime: shared; keeps itself alive while open. After close() or the peer's end on_closed
// is called once, with the reason, and nothing after it. send() queues; a peer that does not read for `stall_timeout`
// or lets more than `max_queue` bytes pile up is closed. Pings keep a silent peer honest.
// BlockingChannel is the same for the CLI, without a loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::runtime {

struct Endpoint;
struct HttpClientOptions;

struct ChannelMessage {
  bool binary = false;
  std::string data;
};

class Channel {
 public:
  virtual ~Channel() = default;
  virtual void on_message(std::function<void(ChannelMessage)> handler) = 0;  // set at once, in the opening callback
  virtual void on_closed(std::function<void(const Error&)> handler) = 0;
  virtual void send(std::string text) = 0;
  virtual void send_binary(std::string bytes) = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;   // bytes not yet handed to the kernel
  // Called whenever the queue has become empty; for senders that pace themselves.
  virtual void on_drained(std::function<void()> handler) = 0;
  virtual void close(std::uint16_t code = 1000, std::string reason = "") = 0;

  // For two ends that have agreed to be silent for long. The one that may have news calls rest(): it neither gives nor wants a
  // sign of life any more, the kernel alone looks each two minutes whether the other machine is there, and close() ends the
  // connection without a handshake. The other one calls detach(), and keeps the bare connection: no keys, no buffers, no callback. All
  // that can still come over it is its end: readable means news, or a peer that is gone. Empty when the channel has ended.
  virtual void rest() = 0;
  [[nodiscard]] virtual UniqueFd detach() = 0;
};

struct ChannelOptions {
  std::size_t max_message = 4 * 1024 * 1024;
  std::size_t max_queue = 16 * 1024 * 1024;
  Duration stall_timeout = std::chrono::seconds(20);
};

// `done` gets an open channel or the reason why not, on the loop, no later than `deadline`.
void connect_channel(Loop& loop, const Endpoint& endpoint, const std::string& path, Deadline deadline,
                     const HttpClientOptions& client, std::function<void(Result<std::shared_ptr<Channel>>)> done,
                     const ChannelOptions& options = {});

class BlockingChannel {
 public:
  virtual ~BlockingChannel() = default;
  virtual Status send(const ChannelMessage& message, Deadline deadline) = 0;
  // deadline_exceeded when none came in time; unavailable when the peer has closed.
  virtual Result<ChannelMessage> receive(Deadline deadline) = 0;
  // For poll(2) together with other descriptors; readable does not promise a whole message.
  [[nodiscard]] virtual int fd() const = 0;
  // Bytes are buffered already: receive() will not block.
  [[nodiscard]] virtual bool buffered() const = 0;
};

Result<std::unique_ptr<BlockingChannel>> open_channel(const Endpoint& endpoint, const std::string& path,
                                                      Deadline deadline, const HttpClientOptions& client);

}  // namespace neonvm::runtime
