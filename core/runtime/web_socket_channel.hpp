// WebSocketChannel: a Channel over a WebSocket: queue, pace, pings, the end. Private to the runtime; loop thread only.
#pragma once

#include <deque>
#include <memory>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/web_socket.hpp"

namespace neonvm::runtime {

struct HttpCore;

class WebSocketChannel : public Channel, public std::enable_shared_from_this<WebSocketChannel> {
 public:
  WebSocketChannel(Loop& loop, std::unique_ptr<WebSocket> socket, const ChannelOptions& options);
  ~WebSocketChannel() override;

  void on_message(std::function<void(ChannelMessage)> handler) override;
  void on_closed(std::function<void(const Error&)> handler) override;
  void send(std::string text) override;
  void send_binary(std::string bytes) override;
  [[nodiscard]] std::size_t queued() const override { return queued_; }
  void on_drained(std::function<void()> handler) override;
  void close(std::uint16_t code, std::string reason) override;
  void rest() override;
  [[nodiscard]] UniqueFd detach() override;

  // Watches whether the peer is there; from the beginning, so that a stalled handshake ends too.
  void watch();
  // Begins to read. Calls `opened` before, in which the handlers are set.
  void start(const std::function<void()>& opened);
  [[nodiscard]] WebSocket& socket() { return *socket_; }
  // Ends it without a word to anybody: its server, or the loop, goes away.
  void abandon();
  // Called once when it has ended, however it did.
  void on_end(std::function<void()> handler) { ended_ = std::move(handler); }

 private:
  template <typename... Args>
  using Handler = std::shared_ptr<const std::function<void(Args...)>>;
  enum class State { open, flushing, closing, ended };

  void enqueue(ChannelMessage message);
  void write_next();
  void written(const Status& status, std::size_t bytes);
  void read_next();
  void message_came(Result<ChannelMessage> message);
  void begin_handshake();
  void guarded(const std::function<void()>& callback);
  void finish(Error why);
  void release();

  Loop& loop_;
  std::unique_ptr<WebSocket> socket_;
  ChannelOptions options_;
  State state_ = State::open;
  std::deque<ChannelMessage> queue_;
  std::size_t queued_ = 0;
  bool writing_ = false;
  bool pinging_ = false;
  bool resting_ = false;
  bool silent_ = false;                       // abandoned: nobody is to be told
  std::optional<Error> broken_;               // a write failed
  std::uint16_t close_code_ = 1000;
  std::string close_reason_;
  std::uint64_t received_ = 0, sent_ = 0;     // at the last look
  Instant heard_{}, moved_{};
  Timer watch_, handshake_limit_;
  Handler<ChannelMessage> message_;
  Handler<const Error&> closed_;
  Handler<> drained_;
  std::function<void()> ended_;
  std::uint64_t loop_hook_ = 0;
};

// The server's end of an upgrade; `place` is held while the channel lives.
void accept_channel(HttpCore& core, Stream stream, HttpRequest request, std::shared_ptr<void> place,
                    const ChannelHandler& opened);

}  // namespace neonvm::runtime
