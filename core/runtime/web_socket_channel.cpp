#include "core/runtime/web_socket_channel.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "core/runtime/http_session.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/loop_impl.hpp"

namespace neonvm::runtime {

namespace {

// For the peer's answer to our close frame.
constexpr Duration handshake_limit = std::chrono::seconds(5);
// Looks at the peer in one stall_timeout; a stalled one is seen at most so much too late.
constexpr int looks = 4;

// Ten thousand connections at rest, each asked every few seconds, would be work. On a Unix socket it does nothing.
void look_rarely(int fd) {
  const int on = 1, idle = 120, interval = 10, probes = 3;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

}  // namespace

WebSocketChannel::WebSocketChannel(Loop& loop, std::unique_ptr<WebSocket> socket, const ChannelOptions& options)
    : loop_(loop), socket_(std::move(socket)), options_(options) {
  loop_hook_ = loop_.impl().at_end([this] { abandon(); });
}

WebSocketChannel::~WebSocketChannel() { abandon(); }

void WebSocketChannel::on_message(std::function<void(ChannelMessage)> handler) {
  message_ = std::make_shared<const std::function<void(ChannelMessage)>>(std::move(handler));
}

void WebSocketChannel::on_closed(std::function<void(const Error&)> handler) {
  closed_ = std::make_shared<const std::function<void(const Error&)>>(std::move(handler));
}

void WebSocketChannel::on_drained(std::function<void()> handler) {
  drained_ = std::make_shared<const std::function<void()>>(std::move(handler));
}

void WebSocketChannel::start(const std::function<void()>& opened) {
  if (state_ == State::ended) return;
  guarded(opened);
  if (state_ != State::ended) read_next();
}

// Callbacks are other rooms' code: what they let through must not end the loop.
void WebSocketChannel::guarded(const std::function<void()>& callback) {
  try {
    callback();
  } catch (const std::exception& error) {
    log_error("runtime", "a channel's handler threw", {{"why", error.what()}});
    close(1011, "internal error");
  }
}

void WebSocketChannel::send(std::string text) { enqueue({false, std::move(text)}); }

void WebSocketChannel::send_binary(std::string bytes) { enqueue({true, std::move(bytes)}); }

void WebSocketChannel::enqueue(ChannelMessage message) {
  if (state_ != State::open) return;
  // One message alone may be larger than the queue.
  if (queued_ > 0 && queued_ + message.data.size() > options_.max_queue) {
    const std::string bytes = std::to_string(queued_);
    return finish({Code::out_of_capacity, "the peer reads too slowly: " + bytes + " bytes are queued for it"});
  }
  queued_ += message.data.size();
  queue_.push_back(std::move(message));
  write_next();
}

void WebSocketChannel::write_next() {
  if (writing_ || broken_ || queue_.empty()) return;
  writing_ = true;
  moved_ = loop_.now();
  // The message lives as long as the operation, which may outlive the queue by a moment.
  const auto message = std::make_shared<const ChannelMessage>(std::move(queue_.front()));
  queue_.pop_front();
  socket_->write(*message, [self = shared_from_this(), message](const Status& status) {
    self->written(status, message->data.size());
  });
}

void WebSocketChannel::written(const Status& status, std::size_t bytes) {
  writing_ = false;
  if (state_ == State::ended) return;
  if (!status.ok()) {
    // The read that is under way knows the reason better; if it does not end by itself, the next look ends it.
    broken_ = status.error();
    return;
  }
  queued_ -= bytes;
  if (!queue_.empty()) return write_next();
  if (state_ == State::flushing) return begin_handshake();
  const Handler<> drained = drained_;
  if (drained && *drained) guarded(*drained);
}

void WebSocketChannel::read_next() {
  socket_->read([self = shared_from_this()](Result<ChannelMessage> message) { self->message_came(std::move(message)); });
}

void WebSocketChannel::message_came(Result<ChannelMessage> message) {
  if (state_ == State::ended) return;
  if (!message.ok()) {
    const bool ours = state_ != State::open;
    return finish(ours ? Error{Code::cancelled, "closed by us"} : message.error());
  }
  heard_ = loop_.now();
  const Handler<ChannelMessage> handler = message_;
  if (state_ == State::open && handler && *handler) guarded([&] { (*handler)(std::move(*message)); });
  if (state_ != State::ended) read_next();
}

void WebSocketChannel::close(std::uint16_t code, std::string reason) {
  if (state_ != State::open) return;
  if (resting_) return finish({Code::cancelled, "closed by us"});
  close_code_ = code;
  close_reason_ = std::move(reason);
  state_ = State::flushing;
  if (queue_.empty() && !writing_) begin_handshake();
}

void WebSocketChannel::rest() {
  if (state_ != State::open) return;
  resting_ = true;
  watch_.cancel();
  look_rarely(socket_->fd());
}

UniqueFd WebSocketChannel::detach() {
  if (state_ != State::open) return {};
  UniqueFd bare = socket_->release();
  if (bare) look_rarely(bare.get());
  abandon();
  return bare;
}

void WebSocketChannel::begin_handshake() {
  state_ = State::closing;
  handshake_limit_ = loop_.after(handshake_limit, [self = shared_from_this()] {
    self->finish({Code::cancelled, "closed by us; the peer did not answer"});
  });
  // Its success is seen as the end of the read.
  socket_->close(close_code_, close_reason_, [self = shared_from_this()](const Status& status) {
    if (!status.ok()) self->finish({Code::cancelled, "closed by us"});
  });
}

void WebSocketChannel::watch() {
  if (state_ == State::ended) return;
  const Instant now = loop_.now();
  const bool first = heard_ == Instant();
  if (std::exchange(received_, socket_->received()) != socket_->received() || first) heard_ = now;
  if (std::exchange(sent_, socket_->sent()) != socket_->sent() || !writing_) moved_ = now;
  if (broken_) return finish(*broken_);
  if (now - heard_ >= options_.stall_timeout) {
    return finish({Code::deadline_exceeded, "the peer has been silent for too long"});
  }
  if (now - moved_ >= options_.stall_timeout) return finish({Code::deadline_exceeded, "the peer does not read"});
  if (now - heard_ >= options_.stall_timeout / 2 && !pinging_ && state_ == State::open) {
    pinging_ = true;
    socket_->ping([self = shared_from_this()](const Status&) { self->pinging_ = false; });
  }
  watch_ = loop_.after(options_.stall_timeout / looks, [this] { watch(); });
}

void WebSocketChannel::finish(Error why) {
  if (state_ == State::ended) return;
  const auto self = shared_from_this();
  const Handler<const Error&> closed = closed_;
  release();
  // Never inside send() or close(), whose callers do not expect it.
  loop_.post([self, closed, why = std::move(why)] {
    if (closed && *closed && !self->silent_) self->guarded([&] { (*closed)(why); });
  });
}

void WebSocketChannel::abandon() {
  silent_ = true;
  if (state_ != State::ended) release();
  // With the socket goes what must not outlive the loop.
  socket_.reset();
}

void WebSocketChannel::release() {
  state_ = State::ended;
  loop_.impl().forget_end(loop_hook_);
  socket_->abort();
  watch_.cancel();
  handshake_limit_.cancel();
  queue_.clear();
  queued_ = 0;
  // They may hold this channel.
  message_.reset();
  closed_.reset();
  drained_.reset();
  if (const auto ended = std::exchange(ended_, nullptr)) ended();
}

void accept_channel(HttpCore& core, Stream stream, HttpRequest request, std::shared_ptr<void> place,
                    const ChannelHandler& opened) {
  auto channel = std::make_shared<WebSocketChannel>(
      core.loop, std::make_unique<WebSocket>(std::move(stream), core.options.channel.max_message), core.options.channel);
  core.open_channels.insert(channel.get());
  channel->on_end([weak = core.weak_from_this(), it = channel.get(), place = std::move(place)] {
    if (const auto still = weak.lock()) still->open_channels.erase(it);
  });
  channel->watch();
  channel->socket().accept(request, [channel, opened, request](const Status& status) {
    if (!status.ok()) return channel->abandon();
    channel->start([&] { opened(request, channel); });
  });
}

}  // namespace neonvm::runtime
