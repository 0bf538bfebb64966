#include <algorithm>

#include "core/runtime/http_session.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/loop_impl.hpp"
#include "core/runtime/web_socket_channel.hpp"

namespace neonvm::runtime {

Responder::Responder(std::function<void(HttpResponse)> send) : send_(std::move(send)) {}

Responder::Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  std::swap(send_, other.send_);
  return *this;
}

Responder::~Responder() {
  if (send_) (*this)(text_response(500, "no answer\n"));
}

void Responder::operator()(HttpResponse response) {
  if (const auto send = std::exchange(send_, nullptr)) send(std::move(response));
}

std::shared_ptr<void> HttpCore::place() {
  if (++connections == options.max_connections) {
    for (const auto& listener : listeners) listener->pause();
  }
  return {this, [weak = weak_from_this()](void*) {
            if (const auto core = weak.lock()) core->place_freed();
          }};
}

void HttpCore::place_freed() {
  if (connections-- != options.max_connections || closed) return;
  for (const auto& listener : listeners) listener->resume();
}

void HttpCore::accepted(UniqueFd fd, const Address& from, bool with_tls) {
  std::string peer;
  bool stranger = false;
  if (from.family() == AF_UNIX || from.size == 0) {
    const UnixPeer who = unix_peer(fd.get());
    peer = "uid " + std::to_string(who.uid) + " pid " + std::to_string(who.pid);
    stranger = !options.allow_other_users && who.uid != 0 && who.uid != geteuid();
  } else {
    peer = to_string(from);
  }
  std::shared_ptr<const TlsContext> context;
  if (with_tls) {
    Result<std::shared_ptr<const TlsContext>> made = tls->context();
    if (!made.ok()) return log_error("runtime", "no TLS for a caller", {{"peer", peer}, {"why", made.error().message}});
    context = *made;
  }
  auto session = std::make_shared<HttpSession>(*this, Stream(loop.impl().io, std::move(fd), from.family()), peer);
  sessions.insert(session);
  if (!stranger) return session->start(context.get());
  log_warning("runtime", "caller refused: not our user", {{"peer", peer}});
  session->refuse(403, "this socket answers its own user and root only\n");
}

HttpCore::Found HttpCore::find(const HttpHead& head) const {
  std::string path = path_of(head.request.target);
  Found found;
  if (head.upgrade) {
    const auto channel = channels.find(path);
    if (channel != channels.end()) {
      found.channel = &channel->second;
      return found;
    }
  }
  auto route = routes.find(path);
  while (route == routes.end() && !path.empty()) {
    // "/a/b" -> "/a/" -> "/": the nearest route that takes everything below it.
    if (path.ends_with('/')) path.pop_back();
    path.resize(path.rfind('/') + 1);
    if (!path.empty()) route = routes.find(path);
  }
  if (route == routes.end()) return found;
  const auto& methods = route->second;
  auto method = methods.find(head.request.method);
  if (method == methods.end() && head.request.method == "HEAD") method = methods.find("GET");
  if (method == methods.end()) method = methods.find("");
  if (method != methods.end()) {
    found.handler = &method->second;
    return found;
  }
  for (const auto& [name, handler] : methods) found.allowed += (found.allowed.empty() ? "" : ", ") + name;
  return found;
}

void HttpCore::close() {
  closed = true;
  listeners.clear();
  const auto callers = std::move(sessions);
  sessions.clear();
  for (const auto& session : callers) session->drop();
  const auto channels_now = std::move(open_channels);
  open_channels.clear();
  for (WebSocketChannel* channel : channels_now) channel->abandon();
}

struct HttpServer::Impl {
  std::shared_ptr<HttpCore> core;
};

HttpServer::HttpServer(Loop& loop, HttpServerOptions options)
    : impl_(std::make_shared<Impl>(Impl{std::make_shared<HttpCore>(loop, std::move(options))})) {}

HttpServer::~HttpServer() { impl_->core->close(); }

void HttpServer::route(const std::string& method, const std::string& path, HttpHandler handler) {
  impl_->core->routes[path][method] = std::move(handler);
}

void HttpServer::channel(const std::string& path, ChannelHandler handler) {
  impl_->core->channels[path] = std::move(handler);
}

Result<Endpoint> HttpServer::listen(const Endpoint& endpoint) {
  HttpCore& core = *impl_->core;
  const bool with_tls = endpoint.scheme == Endpoint::Scheme::tls;
  if (with_tls) {
    if (!core.options.tls) return Error{Code::invalid_argument, to_string(endpoint) + ": no TLS files are given"};
    if (!core.tls) core.tls.emplace(*core.options.tls);
    // Now, so that a wrong file is told to who starts the server and not to its first caller.
    if (auto context = core.tls->context(); !context.ok()) return context.error();
  }
  auto listener = std::make_unique<Listener>(
      core.loop, [&core, with_tls](UniqueFd fd, const Address& from) { core.accepted(std::move(fd), from, with_tls); });
  Result<Endpoint> opened = listener->open(endpoint, core.options.socket_mode);
  if (opened.ok()) core.listeners.push_back(std::move(listener));
  return opened;
}

}  // namespace neonvm::runtime
