#include "core/runtime/http_io.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <optional>

namespace neonvm::runtime {

namespace http = boost::beast::http;

namespace {

// A body arrives in pieces of this size; a header in Beast's smaller ones.
constexpr std::size_t body_piece = 64 * 1024;
// A peer that goes on sending after the last word is cut off here.
constexpr std::size_t most_lingering = 4 * 1024 * 1024;

HttpRead verdict(error_code error) {
  if (!error) return HttpRead::ok;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return HttpRead::header_too_large;
  if (error == http::error::body_limit) return HttpRead::body_too_large;
  const bool ended = error == http::error::end_of_stream || error == http::error::partial_message;
  if (!ended && error.category() == http::make_error_code(http::error::bad_version).category()) {
    return HttpRead::malformed;
  }
  return HttpRead::closed;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

// Repeated fields are joined, as RFC 9110 5.2 allows.
std::map<std::string, std::string> header_map(const http::fields& fields) {
  std::map<std::string, std::string> out;
  for (const auto& field : fields) {
    std::string& value = out[lower({field.name_string().data(), field.name_string().size()})];
    if (!value.empty()) value += ", ";
    value.append(field.value().data(), field.value().size());
  }
  return out;
}

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

struct HttpIo::Impl {
  Impl(Stream with, std::size_t header, std::size_t body) : stream(std::move(with)), max_header(header), max_body(body) {
    // Enough for the header and what was read ahead of the body.
    buffer.max_size(header + body_piece);
  }
  Stream stream;
  std::size_t max_header, max_body;
  boost::beast::flat_buffer buffer;
  std::optional<http::request_parser<http::string_body>> request;
  std::optional<http::response_parser<http::string_body>> response;
  std::string head, body;
  std::string scratch;
  std::size_t lingered = 0;

  [[nodiscard]] HttpHead take_head();
  void read_response(const std::shared_ptr<Impl>& self, bool to_head,
                     std::function<void(HttpRead, HttpResponse)> done);
  void read_response_head(const std::shared_ptr<Impl>& self, bool to_head,
                          std::function<void(HttpRead, HttpResponse)> done);
  void linger(const std::shared_ptr<Impl>& self, std::function<void()> done);
};

HttpIo::HttpIo(Stream stream, std::size_t max_header, std::size_t max_body)
    : impl_(std::make_shared<Impl>(std::move(stream), max_header, max_body)) {}

HttpIo::~HttpIo() { impl_->stream.close(); }

HttpHead HttpIo::Impl::take_head() {
  const auto& message = request->get();
  HttpHead out;
  out.request.method = text(message.method_string());
  out.request.target = text(message.target());
  out.request.headers = header_map(message.base());
  out.keep_alive = message.keep_alive();
  out.upgrade = boost::beast::websocket::is_upgrade(message);
  out.http_1_0 = message.version() < 11;
  const auto expect = out.request.headers.find("expect");
  out.expects_continue = expect != out.request.headers.end() && lower(expect->second) == "100-continue" && !out.http_1_0;
  return out;
}

void HttpIo::read_head(std::function<void(HttpRead, HttpHead)> done) {
  Impl& impl = *impl_;
  impl.request.emplace();
  impl.request->header_limit(static_cast<std::uint32_t>(impl.max_header));
  impl.request->body_limit(impl.max_body);
  http::async_read_header(impl.stream, impl.buffer, *impl.request,
                          [self = impl_, done = std::move(done)](error_code error, std::size_t) {
                            done(verdict(error), error ? HttpHead{} : self->take_head());
                          });
}

void HttpIo::read_body(std::function<void(HttpRead, std::string)> done) {
  Impl& impl = *impl_;
  const std::uint64_t expected = impl.request->content_length_remaining().value_or(0);
  if (expected > impl.buffer.capacity()) impl.buffer.reserve(std::min<std::size_t>(expected, body_piece));
  http::async_read(impl.stream, impl.buffer, *impl.request,
                   [self = impl_, done = std::move(done)](error_code error, std::size_t) {
                     std::string body = std::move(self->request->get().body());
                     self->request.reset();
                     if (self->buffer.size() == 0) self->buffer.shrink_to_fit();
                     done(verdict(error), std::move(body));
                   });
}

void HttpIo::read_response(bool to_head, std::function<void(HttpRead, HttpResponse)> done) {
  impl_->read_response(impl_, to_head, std::move(done));
}

void HttpIo::Impl::read_response(const std::shared_ptr<Impl>& self, bool to_head,
                                 std::function<void(HttpRead, HttpResponse)> done) {
  response.emplace();
  response->header_limit(static_cast<std::uint32_t>(max_header));
  response->body_limit(max_body);
  response->skip(to_head);
  buffer.reserve(body_piece);
  http::async_read(stream, buffer, *response, [self, to_head, done = std::move(done)](error_code error, std::size_t) {
    auto& message = self->response->get();
    const int status = static_cast<int>(message.result_int());
    if (!error && status >= 100 && status < 200 && status != 101) return self->read_response(self, to_head, done);
    HttpResponse answer;
    if (!error) answer = {status, header_map(message.base()), std::move(message.body())};
    done(verdict(error), std::move(answer));
  });
}

void HttpIo::read_response_head(bool to_head, std::function<void(HttpRead, HttpResponse)> done) {
  impl_->read_response_head(impl_, to_head, std::move(done));
}

void HttpIo::Impl::read_response_head(const std::shared_ptr<Impl>& self, bool to_head,
                                      std::function<void(HttpRead, HttpResponse)> done) {
  response.emplace();
  response->header_limit(static_cast<std::uint32_t>(max_header));
  response->body_limit(boost::none);
  response->skip(to_head);
  http::async_read_header(stream, buffer, *response,
                          [self, to_head, done = std::move(done)](error_code error, std::size_t) {
                            const auto& message = self->response->get();
                            const int status = static_cast<int>(message.result_int());
                            if (!error && status >= 100 && status < 200 && status != 101) {
                              return self->read_response_head(self, to_head, done);
                            }
                            HttpResponse answer;
                            if (!error) answer = {status, header_map(message.base()), {}};
                            done(verdict(error), std::move(answer));
                          });
}

// Not eager: an eager parser waits, after a whole chunk, for the beginning of the next one.
void HttpIo::read_response_piece(std::function<void(HttpRead, std::string, bool)> done) {
  if (impl_->response->is_done()) {
    return asio::post(impl_->stream.get_executor(), [done = std::move(done)] { done(HttpRead::ok, {}, true); });
  }
  http::async_read_some(impl_->stream, impl_->buffer, *impl_->response,
                        [self = impl_, done = std::move(done)](error_code error, std::size_t) {
                          std::string piece = std::exchange(self->response->get().body(), {});
                          done(verdict(error), std::move(piece), !error && self->response->is_done());
                        });
}

bool HttpIo::reusable() const {
  return impl_->response && impl_->response->is_done() && impl_->response->keep_alive() && impl_->buffer.size() == 0;
}

void HttpIo::write(std::string head, std::string body, std::function<void(bool sent)> done) {
  Impl& impl = *impl_;
  impl.head = std::move(head);
  impl.body = std::move(body);
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(impl.head), asio::buffer(impl.body)};
  asio::async_write(impl.stream, buffers, [self = impl_, done = std::move(done)](error_code error, std::size_t) {
    self->head = {};
    self->body = {};
    done(!error);
  });
}

void HttpIo::linger(std::function<void()> done) {
  impl_->stream.shutdown_send();
  impl_->scratch.resize(4096);
  impl_->linger(impl_, std::move(done));
}

void HttpIo::Impl::linger(const std::shared_ptr<Impl>& self, std::function<void()> done) {
  stream.async_read_some(asio::buffer(scratch), [self, done = std::move(done)](error_code error, std::size_t bytes) {
    self->lingered += bytes;
    if (error || self->lingered > most_lingering) return done();
    self->linger(self, done);
  });
}

Stream& HttpIo::stream() { return impl_->stream; }

Stream HttpIo::release() {
  const asio::const_buffer ahead = impl_->buffer.data();
  impl_->stream.put_back(std::string(static_cast<const char*>(ahead.data()), ahead.size()));
  impl_->buffer.clear();
  Stream out = std::move(impl_->stream);
  return out;
}

bool HttpIo::has_begun() const { return impl_->buffer.size() > 0 || (impl_->request && impl_->request->got_some()); }

}  // namespace neonvm::runtime
