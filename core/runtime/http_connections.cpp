#include "core/runtime/http_connections.hpp"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <mutex>
#include <vector>

#include "core/runtime/client_connect.hpp"
#include "core/runtime/http_io.hpp"
#include "core/runtime/http_text.hpp"
#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

namespace {

constexpr std::size_t longest_header = 64 * 1024;
constexpr std::size_t most_idle = 16;
// Servers close what is idle after a minute or more; we are to be first.
constexpr Duration longest_idle = std::chrono::seconds(30);

// One connection, driven by whoever waits on it.
struct Connection {
  // First, so that everything else has gone before it.
  asio::io_context io{1};
  std::optional<HttpIo> http;
  Instant idle_since{};

  // Nothing is due on an idle connection: what is readable is its end.
  [[nodiscard]] bool silent() {
    char byte = 0;
    const auto got = ::recv(http->stream().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
};

}  // namespace

struct HttpConnections::Pool {
  Endpoint endpoint;
  HttpClientOptions options;
  std::shared_ptr<const TlsContext> tls;
  mutable std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> idle;

  std::unique_ptr<Connection> take() {
    const std::lock_guard lock(mutex);
    const Instant now = std::chrono::steady_clock::now();
    while (!idle.empty()) {
      std::unique_ptr<Connection> last = std::move(idle.back());
      idle.pop_back();
      if (now - last->idle_since < longest_idle && last->silent()) return last;
    }
    return nullptr;
  }

  void give_back(std::unique_ptr<Connection> connection) {
    connection->idle_since = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex);
    if (idle.size() == most_idle) idle.erase(idle.begin());
    idle.push_back(std::move(connection));
  }
};

struct HttpAnswer::Impl {
  std::shared_ptr<HttpConnections::Pool> pool;
  HttpRequest request;
  std::unique_ptr<Connection> connection;
  std::shared_ptr<ClientConnect> connecting;
  bool begun = false, reused = false, sent_all = false, waiting = false, ended = false;
  std::uint64_t received_before = 0;
  const char* phase = "while connecting";
  std::optional<Error> failed;
  std::optional<HttpResponse> answer;
  std::optional<std::string> next;
  std::mutex mutex;  // of `connection`, whose context wake() needs
  std::atomic<bool> woken{false};

  void begin() {
    begun = true;
    auto kept = pool->take();
    reused = kept != nullptr;
    {
      const std::lock_guard lock(mutex);
      connection = reused ? std::move(kept) : std::make_unique<Connection>();
    }
    received_before = reused ? connection->http->stream().received() : 0;
    if (reused) return send();
    phase = "while connecting";
    connecting = std::make_shared<ClientConnect>(connection->io, pool->endpoint, TlsFiles{});
    connecting->use(pool->tls);
    connecting->start([this](Result<Stream> stream) {
      connecting.reset();
      if (!stream.ok()) return fail(stream.error());
      connection->http.emplace(std::move(*stream), longest_header, pool->options.max_body);
      send();
    });
  }

  void send() {
    phase = "while sending the request";
    sent_all = false;
    connection->http->write(request_head(request, pool->endpoint, "", true), request.body, [this](bool sent) {
      sent_all = sent;
      if (sent) phase = "while waiting for the answer";
    });
    connection->http->read_response_head(request.method == "HEAD", [this](HttpRead read, HttpResponse head) {
      if (read == HttpRead::ok) answer = std::move(head);
      else head_failed(read);
    });
  }

  void head_failed(HttpRead read) {
    const bool nothing_came = read == HttpRead::closed && connection->http->stream().received() == received_before;
    const bool again = reused && nothing_came && (request.method == "GET" || request.method == "HEAD");
    if (again) begun = false;
    else fail(unreadable(read));
  }

  void read_on() {
    if (waiting) return;
    waiting = true;
    connection->http->read_response_piece([this](HttpRead read, std::string bytes, bool last) {
      waiting = false;
      if (read != HttpRead::ok) return fail(unreadable(read));
      ended = last;
      if (!bytes.empty() || last) next = std::move(bytes);
      else read_on();
    });
  }

  void fail(Error error) { failed = std::move(error); }

  [[nodiscard]] Error unreadable(HttpRead read) const {
    const std::string at = to_string(pool->endpoint) + ": ";
    switch (read) {
      case HttpRead::header_too_large: return {Code::refused, at + "the answer's header is too large"};
      case HttpRead::body_too_large: return {Code::refused, at + "the answer is too large"};
      case HttpRead::malformed: return {Code::refused, at + "the answer is not HTTP"};
      case HttpRead::ok:
      case HttpRead::closed: break;
    }
    return {Code::unavailable, at + (answer ? "closed in the middle of the answer" : "closed before an answer came")};
  }

  // Runs the connection until done() or a failure.
  template <typename Done>
  Status drive(Deadline deadline, Done done) {
    while (!done()) {
      if (failed) return *failed;
      if (woken.exchange(false)) return Error{Code::cancelled, "woken"};
      if (!begun) begin();
      connection->io.restart();
      if (connection->io.run_one_until(deadline) > 0) continue;
      if (std::chrono::steady_clock::now() < deadline) return Error{Code::internal, "a connection without work"};
      return Error{Code::deadline_exceeded, to_string(pool->endpoint) + ": no answer in time, " + phase};
    }
    return {};
  }

  void finish() {
    // A request that is still being sent has a word to say to this object.
    if (!ended || !sent_all || !connection || !connection->http->reusable()) return;
    const std::lock_guard lock(mutex);
    pool->give_back(std::move(connection));
  }

};

HttpAnswer::HttpAnswer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpAnswer::~HttpAnswer() {
  if (impl_->connecting) impl_->connecting->cancel();
}

Result<HttpResponse> HttpAnswer::head(Deadline deadline) {
  try {
    if (Status came = impl_->drive(deadline, [this] { return impl_->answer.has_value(); }); !came) return came.error();
    return *impl_->answer;
  } catch (const boost::system::system_error& error) {
    // No descriptors left for the connection's own io_context.
    return Error{Code::unavailable, to_string(impl_->pool->endpoint) + ": " + error.what()};
  }
}

Result<std::string> HttpAnswer::piece(Deadline deadline) {
  if (impl_->failed) return *impl_->failed;
  if (!impl_->next && impl_->ended) return std::string();
  if (!impl_->next) {
    impl_->phase = "in the middle of the answer";
    impl_->read_on();
    if (Status came = impl_->drive(deadline, [this] { return impl_->next.has_value(); }); !came) return came.error();
  }
  std::string bytes = *std::exchange(impl_->next, std::nullopt);
  impl_->finish();
  return bytes;
}

void HttpAnswer::wake() {
  impl_->woken = true;
  const std::lock_guard lock(impl_->mutex);
  if (impl_->connection) asio::post(impl_->connection->io, [] {});
}

Result<std::unique_ptr<HttpConnections>> HttpConnections::open(Endpoint endpoint, HttpClientOptions options) {
  auto pool = std::make_shared<Pool>();
  if (endpoint.scheme == Endpoint::Scheme::tls) {
    auto tls = tls_client(options.tls.value_or(TlsFiles{}), endpoint.host);
    if (!tls) return tls.error().at(to_string(endpoint));
    pool->tls = std::move(*tls);
  }
  pool->endpoint = std::move(endpoint);
  pool->options = std::move(options);
  return std::unique_ptr<HttpConnections>(new HttpConnections(std::move(pool)));
}

HttpConnections::~HttpConnections() = default;

std::unique_ptr<HttpAnswer> HttpConnections::start(HttpRequest request) {
  auto impl = std::make_unique<HttpAnswer::Impl>();
  impl->pool = pool_;
  impl->request = std::move(request);
  return std::unique_ptr<HttpAnswer>(new HttpAnswer(std::move(impl)));
}

Result<HttpResponse> HttpConnections::call(HttpRequest request, Deadline deadline) {
  const auto answer = start(std::move(request));
  auto response = answer->head(deadline);
  if (!response) return response;
  while (true) {
    auto piece = answer->piece(deadline);
    if (!piece) return piece.error();
    if (piece->empty()) return response;
    response->body += *piece;
    if (response->body.size() > pool_->options.max_body) {
      return Error{Code::refused, to_string(pool_->endpoint) + ": the answer is larger than " +
                                      std::to_string(pool_->options.max_body) + " bytes"};
    }
  }
}

std::size_t HttpConnections::idle() const {
  const std::lock_guard lock(pool_->mutex);
  return pool_->idle.size();
}

}  // namespace neonvm::runtime
