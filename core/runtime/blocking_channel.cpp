#include <deque>

#include "core/runtime/client_connect.hpp"
#include "core/runtime/http_text.hpp"
#include "core/runtime/web_socket.hpp"

namespace neonvm::runtime {

namespace {

constexpr Duration close_limit = std::chrono::seconds(1);

// The asynchronous WebSocket on an io_context that runs only inside our calls: a deadline that passes in the middle of a
// frame leaves the operation waiting, and the next call goes on with it.
class WebSocketBlockingChannel : public BlockingChannel {
 public:
  ~WebSocketBlockingChannel() override {
    if (!socket_ || broken_) return;
    socket_->close(1000, "", [this](const Status& status) { broken_ = status.ok() ? gone() : status.error(); });
    run([this] { return broken_.has_value(); }, std::chrono::steady_clock::now() + close_limit);
  }

  Status open(const Endpoint& endpoint, const std::string& path, Deadline deadline, const HttpClientOptions& client) {
    const Result<ChannelStart> start = channel_start(endpoint, path, client);
    if (!start) return start.error();
    std::optional<Status> opened;
    const auto connect = std::make_shared<ClientConnect>(io_, start->endpoint, client.tls.value_or(TlsFiles{}));
    connect->start([&](Result<Stream> stream) {
      if (!stream.ok()) {
        opened = stream.error();
        return;
      }
      socket_ = std::make_unique<WebSocket>(std::move(*stream), ChannelOptions{}.max_message);
      socket_->connect(host_field(start->endpoint), start->path, start->headers, [&](Status status) { opened = std::move(status); });
    });
    run([&] { return opened.has_value(); }, deadline);
    if (opened && opened->ok()) {
      read_next();
      return {};
    }
    connect->cancel();
    socket_.reset();
    if (!opened) return Error{Code::deadline_exceeded, to_string(endpoint) + ": no channel in time"};
    return opened->error().at(path);
  }

  Status send(const ChannelMessage& message, Deadline deadline) override {
    // The one whose deadline passed goes first.
    if (!run([this] { return broken_ || !writing_; }, deadline)) return late("send");
    if (broken_) return *broken_;
    writing_ = true;
    const auto held = std::make_shared<const ChannelMessage>(message);
    socket_->write(*held, [this, held](const Status& status) {
      writing_ = false;
      if (!status.ok() && !broken_) broken_ = status.error();
    });
    if (!run([this] { return broken_ || !writing_; }, deadline)) return late("send");
    return broken_ ? Status(*broken_) : Status();
  }

  Result<ChannelMessage> receive(Deadline deadline) override {
    if (!run([this] { return broken_ || !inbox_.empty(); }, deadline)) return late("receive");
    if (inbox_.empty()) return *broken_;
    ChannelMessage message = std::move(inbox_.front());
    inbox_.pop_front();
    if (inbox_.empty() && !broken_) read_next();
    return message;
  }

  [[nodiscard]] int fd() const override { return socket_->fd(); }

  [[nodiscard]] bool buffered() const override {
    io_.restart();
    io_.poll();
    return broken_ || !inbox_.empty();
  }

 private:
  static Error gone() { return {Code::unavailable, "the channel is closed"}; }
  static Error late(const char* what) {
    return {Code::deadline_exceeded, std::string("channel: could not ") + what + " in time"};
  }

  // One message ahead at most, so that a fast peer waits in the kernel and not in our memory.
  void read_next() {
    socket_->read([this](Result<ChannelMessage> message) {
      if (message.ok()) inbox_.push_back(std::move(*message));
      else broken_ = message.error();
    });
  }

  template <typename Done>
  bool run(const Done& done, Deadline deadline) {
    io_.restart();
    while (!done()) {
      if (io_.run_one_until(deadline) == 0) return done();
    }
    return true;
  }

  // First, so that everything else has gone before it.
  mutable asio::io_context io_{1};
  std::unique_ptr<WebSocket> socket_;
  std::deque<ChannelMessage> inbox_;
  std::optional<Error> broken_;
  bool writing_ = false;
};

}  // namespace

Result<std::unique_ptr<BlockingChannel>> open_channel(const Endpoint& endpoint, const std::string& path,
                                                      Deadline deadline, const HttpClientOptions& client) {
  try {
    auto channel = std::make_unique<WebSocketBlockingChannel>();
    if (Status opened = channel->open(endpoint, path, deadline, client); !opened.ok()) return opened.error();
    return std::unique_ptr<BlockingChannel>(std::move(channel));
  } catch (const boost::system::system_error& error) {
    // No descriptors left for the channel's own io_context.
    return Error{Code::unavailable, to_string(endpoint) + ": " + error.what()};
  }
}

}  // namespace neonvm::runtime
