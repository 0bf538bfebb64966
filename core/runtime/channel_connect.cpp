#include "core/runtime/client_connect.hpp"
#include "core/runtime/http_text.hpp"
#include "core/runtime/loop_impl.hpp"
#include "core/runtime/web_socket_channel.hpp"

namespace neonvm::runtime {

namespace {

using Opened = std::function<void(Result<std::shared_ptr<Channel>>)>;

// The steps from an endpoint to an open channel, and the deadline over all of them.
class Opening : public std::enable_shared_from_this<Opening> {
 public:
  Opening(Loop& loop, Endpoint endpoint, std::string path, const ChannelOptions& options, Opened done)
      : loop_(loop), endpoint_(std::move(endpoint)), path_(std::move(path)), options_(options), done_(std::move(done)) {}

  void start(Deadline deadline, const HttpClientOptions& client) {
    const auto self = shared_from_this();
    limit_ = loop_.at(deadline, [self] {
      self->fail({Code::deadline_exceeded, to_string(self->endpoint_) + ": no channel in time"});
    });
    Result<ChannelStart> start = channel_start(endpoint_, path_, client);
    if (!start) {
      loop_.post([self, error = start.error()] { self->fail(error); });
      return;
    }
    start_ = std::move(*start);
    endpoint_ = start_.endpoint;
    connect_ = std::make_shared<ClientConnect>(loop_.impl().io, endpoint_, client.tls.value_or(TlsFiles{}));
    connect_->start([self](Result<Stream> stream) { self->connected(std::move(stream)); });
  }

 private:
  void connected(Result<Stream> stream) {
    if (!done_) return;
    if (!stream.ok()) return fail(stream.error());
    socket_ = std::make_unique<WebSocket>(std::move(*stream), options_.max_message);
    socket_->connect(host_field(endpoint_), start_.path, start_.headers, [self = shared_from_this()](const Status& status) {
      if (!self->done_) return;
      if (status.ok()) self->open();
      else self->fail(at_endpoint(self->endpoint_, status.error().at(self->path_)));
    });
  }

  void open() {
    limit_.cancel();
    auto channel = std::make_shared<WebSocketChannel>(loop_, std::move(socket_), options_);
    const Opened done = std::exchange(done_, nullptr);
    channel->watch();
    channel->start([&] { done(std::shared_ptr<Channel>(channel)); });
  }

  void fail(const Error& error) {
    limit_.cancel();
    if (connect_) connect_->cancel();
    socket_.reset();
    if (const Opened done = std::exchange(done_, nullptr)) done(error);
  }

  Loop& loop_;
  Endpoint endpoint_;
  std::string path_;
  ChannelStart start_;
  ChannelOptions options_;
  Opened done_;
  Timer limit_;
  std::shared_ptr<ClientConnect> connect_;
  std::unique_ptr<WebSocket> socket_;
};

}  // namespace

void connect_channel(Loop& loop, const Endpoint& endpoint, const std::string& path, Deadline deadline,
                     const HttpClientOptions& client, std::function<void(Result<std::shared_ptr<Channel>>)> done,
                     const ChannelOptions& options) {
  std::make_shared<Opening>(loop, endpoint, path, options, std::move(done))->start(deadline, client);
}

}  // namespace neonvm::runtime
