#include "core/runtime/http_session.hpp"

#include "core/runtime/log.hpp"
#include "core/runtime/web_socket_channel.hpp"

namespace neonvm::runtime {

namespace {

// How long a caller may take to read our last words.
constexpr Duration linger_limit = std::chrono::seconds(2);
// A caller that takes less of its answer in one idle_timeout only holds our memory.
constexpr std::uint64_t least_progress = 4096;

}  // namespace

HttpSession::HttpSession(HttpCore& core, Stream stream, std::string peer)
    : core_(core),
      io_(std::move(stream), core.options.max_header, core.options.max_body),
      peer_(std::move(peer)),
      place_(core.place()) {}

void HttpSession::start(const TlsContext* tls) {
  if (tls == nullptr) return next();
  guard(core_.options.idle_timeout, &HttpSession::drop);
  io_.stream().start_tls(*tls, [self = shared_from_this()](const std::string& why) {
    if (self->dropped_) return;
    if (why.empty()) return self->next();
    log_info("runtime", "TLS caller refused", {{"peer", self->peer_}, {"why", why}});
    self->drop();
  });
}

void HttpSession::drop() {
  if (dropped_) return;
  dropped_ = true;
  timer_.cancel();
  io_.stream().close();
  core_.sessions.erase(shared_from_this());
}

void HttpSession::guard(Duration limit, void (HttpSession::*expired)()) {
  timer_ = core_.loop.after(limit, [this, expired] { (this->*expired)(); });
}

void HttpSession::next() {
  // Of the whole request, so that a caller cannot stretch it by sending a byte now and then.
  guard(core_.options.idle_timeout, &HttpSession::request_expired);
  io_.read_head([self = shared_from_this()](HttpRead read, HttpHead head) {
    if (!self->dropped_ && !self->expired_) self->head_came(read, std::move(head));
  });
}

void HttpSession::request_expired() {
  if (!io_.has_begun()) return drop();
  expired_ = true;
  refuse(408, "the request took too long\n");
}

void HttpSession::head_came(HttpRead read, HttpHead head) {
  head_ = std::move(head);
  to_head_ = head_.request.method == "HEAD";
  head_.request.peer = peer_;
  switch (read) {
    case HttpRead::ok: break;
    case HttpRead::closed: return drop();
    case HttpRead::malformed: return refuse(400, "not an HTTP/1.1 request\n");
    case HttpRead::header_too_large: return refuse(431, "the header is too large\n");
    case HttpRead::body_too_large: return refuse(413, "the body is too large\n");
  }
  if (core_.options.authorize && !core_.options.authorize(head_.request)) return refuse(401, "not authorized\n");
  if (dropped_) return;
  const HttpCore::Found found = core_.find(head_);
  if (found.channel != nullptr) return upgrade(*found.channel);
  if (!head_.expects_continue) return body_wanted();
  io_.write("HTTP/1.1 100 Continue\r\n\r\n", "", [self = shared_from_this()](bool sent) {
    if (self->dropped_) return;
    if (sent) self->body_wanted();
    else self->drop();
  });
}

void HttpSession::body_wanted() {
  io_.read_body([self = shared_from_this()](HttpRead read, std::string body) {
    if (!self->dropped_ && !self->expired_) self->body_came(read, std::move(body));
  });
}

void HttpSession::body_came(HttpRead read, std::string body) {
  head_.request.body = std::move(body);
  switch (read) {
    case HttpRead::ok: return dispatch();
    case HttpRead::closed: return drop();
    case HttpRead::malformed: return refuse(400, "not an HTTP/1.1 request\n");
    case HttpRead::header_too_large: return refuse(431, "the header is too large\n");
    case HttpRead::body_too_large: return refuse(413, "the body is too large\n");
  }
}

void HttpSession::dispatch() {
  // The handler takes as long as it takes.
  timer_.cancel();
  keep_alive_ = head_.keep_alive;
  answering_ = true;
  Responder responder([weak = weak_from_this()](HttpResponse response) {
    if (const auto self = weak.lock()) self->respond(std::move(response));
  });
  const HttpCore::Found found = core_.find(head_);
  if (found.handler != nullptr) {
    try {
      // A copy, because the handler may end the server that holds it.
      const HttpHandler handler = *found.handler;
      handler(std::move(head_.request), std::move(responder));
    } catch (const std::exception& error) {
      log_error("runtime", "an HTTP handler threw", {{"why", error.what()}});
    }
    return;
  }
  if (found.allowed.empty()) return responder(text_response(404, "no such path\n"));
  HttpResponse other_method = text_response(405, "not with this method\n");
  other_method.headers["Allow"] = found.allowed;
  responder(std::move(other_method));
}

void HttpSession::upgrade(const ChannelHandler& handler) {
  timer_.cancel();
  HttpRequest request = std::move(head_.request);
  const std::shared_ptr<HttpCore> core = core_.shared_from_this();
  auto stream = io_.release();
  std::shared_ptr<void> place = std::move(place_);
  const ChannelHandler opened = handler;
  drop();
  accept_channel(*core, std::move(stream), std::move(request), std::move(place), opened);
}

void HttpSession::refuse(int status, std::string why) {
  keep_alive_ = false;
  answering_ = true;
  respond(text_response(status, std::move(why)));
}

void HttpSession::respond(HttpResponse response) {
  if (dropped_ || !answering_) return;
  answering_ = false;
  std::string head = response_head(response, {keep_alive_, head_.http_1_0});
  if (to_head_) response.body.clear();
  sent_before_ = io_.stream().sent();
  guard(core_.options.idle_timeout, &HttpSession::check_progress);
  io_.write(std::move(head), std::move(response.body), [self = shared_from_this()](bool sent) {
    if (!self->dropped_) self->written(sent);
  });
}

void HttpSession::check_progress() {
  const std::uint64_t now = io_.stream().sent();
  if (now - sent_before_ < least_progress) return drop();
  sent_before_ = now;
  guard(core_.options.idle_timeout, &HttpSession::check_progress);
}

void HttpSession::written(bool sent) {
  if (!sent) return drop();
  if (keep_alive_) return next();
  // The read of an expired request is still under way, so there is no reading out what else comes.
  if (expired_) return drop();
  finish();
}

void HttpSession::finish() {
  guard(linger_limit, &HttpSession::drop);
  io_.linger([self = shared_from_this()] { self->drop(); });
}

}  // namespace neonvm::runtime
