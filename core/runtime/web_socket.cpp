#include "core/runtime/web_socket.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>

namespace neonvm::runtime {

namespace beast = boost::beast;

// What Beast asks of a stream at the end of the closing handshake: both sides have said all, so the socket may go.
inline void teardown(beast::role_type, Stream& stream, error_code& error) {
  stream.close();
  error = {};
}
template <typename Handler>
void async_teardown(beast::role_type, Stream& stream, Handler&& handler) {
  stream.shutdown_send();
  asio::post(stream.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}
inline void beast_close_socket(Stream& stream) { stream.close(); }

}  // namespace neonvm::runtime

#include <boost/beast/websocket/stream.hpp>

namespace neonvm::runtime {

namespace websocket = boost::beast::websocket;

namespace {

// Messages go out in frames of this size; it is also what a masking client copies into.
constexpr std::size_t frame_size = 16 * 1024;
constexpr std::size_t longest_reason = 123;  // RFC 6455 5.5: control frames have at most 125 bytes

Status status_of(error_code error) {
  if (!error) return {};
  return Error{Code::unavailable, error.message()};
}

Code code_of(int http_status) {
  switch (http_status) {
    case 400: return Code::invalid_argument;
    case 401:
    case 403: return Code::permission_denied;
    case 404: return Code::not_found;
    default: return http_status >= 500 ? Code::unavailable : Code::refused;
  }
}

}  // namespace

struct WebSocket::Impl {
  Impl(Stream stream, std::size_t max_message) : ws(std::move(stream)) {
    ws.read_message_max(max_message);
    ws.write_buffer_bytes(frame_size);
    ws.auto_fragment(true);
    // Who uses this has deadlines of his own, on his own clock.
    ws.set_option(websocket::stream_base::timeout{websocket::stream_base::none(), websocket::stream_base::none(), false});
  }

  // Without deflate: its tables would cost each connection more than all else.
  websocket::stream<Stream, false> ws;
  websocket::request_type upgrade;
  websocket::response_type answer;
  std::string incoming;
  std::optional<asio::dynamic_string_buffer<char, std::char_traits<char>, std::allocator<char>>> buffer;
  bool aborted = false;

  [[nodiscard]] Error read_error(error_code error) const;
  [[nodiscard]] Status connect_status(error_code error) const;
};

Error WebSocket::Impl::read_error(error_code error) const {
  if (error == websocket::error::closed) {
    const websocket::close_reason& reason = ws.reason();
    std::string text = "the peer closed (" + std::to_string(reason.code) + ")";
    if (!reason.reason.empty()) text += ": " + std::string(reason.reason.data(), reason.reason.size());
    return {Code::unavailable, text};
  }
  if (error == websocket::error::message_too_big) return {Code::refused, "the peer sent a message beyond the limit"};
  if (error == asio::error::eof || error == asio::error::connection_reset) return {Code::unavailable, "the peer went away"};
  return {Code::unavailable, error.message()};
}

Status WebSocket::Impl::connect_status(error_code error) const {
  if (!error) return {};
  if (error != websocket::error::upgrade_declined) {
    return Error{Code::unavailable, "no WebSocket there: " + error.message()};
  }
  const int status = static_cast<int>(answer.result_int());
  std::string text = "refused with HTTP status " + std::to_string(status);
  std::string body = answer.body();
  while (!body.empty() && body.back() == '\n') body.pop_back();
  if (!body.empty()) text += ": " + body.substr(0, 512);
  return Error{code_of(status), text};
}

WebSocket::WebSocket(Stream stream, std::size_t max_message)
    : impl_(std::make_shared<Impl>(std::move(stream), max_message)) {}

WebSocket::~WebSocket() { abort(); }

void WebSocket::abort() {
  impl_->aborted = true;
  impl_->ws.next_layer().close();
}

UniqueFd WebSocket::release() {
  impl_->aborted = true;
  return impl_->ws.next_layer().release();
}

void WebSocket::accept(const HttpRequest& request, Done done) {
  beast::http::request<beast::http::empty_body> upgrade;
  upgrade.version(11);
  upgrade.method_string(request.method);
  upgrade.target(request.target);
  for (const auto& [name, value] : request.headers) upgrade.set(name, value);
  impl_->ws.set_option(websocket::stream_base::decorator(
      [](websocket::response_type& response) { response.set(beast::http::field::server, "neonvm"); }));
  impl_->ws.async_accept(upgrade, [self = impl_, done = std::move(done)](error_code error) {
    if (!self->aborted) done(status_of(error));
  });
}

void WebSocket::connect(const std::string& host, const std::string& path, const std::map<std::string, std::string>& headers, Done done) {
  Impl& impl = *impl_;
  impl.ws.set_option(websocket::stream_base::decorator([headers](websocket::request_type& request) {
    request.set(beast::http::field::user_agent, "neonvm");
    for (const auto& [name, value] : headers) request.set(name, value);
  }));
  impl.ws.async_handshake(impl.answer, host, path, [self = impl_, done = std::move(done)](error_code error) {
    if (self->aborted) return;
    const Status status = self->connect_status(error);
    self->answer = {};
    done(status);
  });
}

void WebSocket::read(std::function<void(Result<ChannelMessage>)> done) {
  Impl& impl = *impl_;
  impl.incoming.clear();
  impl.buffer.emplace(impl.incoming);
  impl.ws.async_read(*impl.buffer, [self = impl_, done = std::move(done)](error_code error, std::size_t) {
    if (self->aborted) return;
    if (error) return done(self->read_error(error));
    done(ChannelMessage{self->ws.got_binary(), std::move(self->incoming)});
  });
}

void WebSocket::write(const ChannelMessage& message, Done done) {
  Impl& impl = *impl_;
  impl.ws.binary(message.binary);
  impl.ws.async_write(asio::buffer(message.data), [self = impl_, done = std::move(done)](error_code error, std::size_t) {
    if (!self->aborted) done(status_of(error));
  });
}

void WebSocket::ping(Done done) {
  impl_->ws.async_ping({}, [self = impl_, done = std::move(done)](error_code error) {
    if (!self->aborted) done(status_of(error));
  });
}

void WebSocket::close(std::uint16_t code, const std::string& reason, Done done) {
  std::size_t length = std::min(reason.size(), longest_reason);
  // Not in the middle of a UTF-8 character: the peer would call that a protocol error.
  while (length > 0 && length < reason.size() && (reason[length] & 0xc0) == 0x80) --length;
  const websocket::close_reason why(static_cast<websocket::close_code>(code),
                                    beast::string_view(reason.data(), length));
  impl_->ws.async_close(why, [self = impl_, done = std::move(done)](error_code error) {
    if (!self->aborted) done(status_of(error));
  });
}

std::uint64_t WebSocket::received() const { return impl_->ws.next_layer().received(); }

std::uint64_t WebSocket::sent() const { return impl_->ws.next_layer().sent(); }

int WebSocket::fd() { return impl_->ws.next_layer().socket().native_handle(); }

}  // namespace neonvm::runtime
