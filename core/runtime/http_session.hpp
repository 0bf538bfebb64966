// HttpSession: one caller of an HttpServer, from accept to close, or to the upgrade to a Channel. HttpCore: what the
// server's sessions share. Private to the runtime; loop thread only.
#pragma once

#include <memory>
#include <set>

#include "core/runtime/http.hpp"
#include "core/runtime/http_io.hpp"
#include "core/runtime/http_text.hpp"
#include "core/runtime/listener.hpp"
#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

class HttpSession;
class WebSocketChannel;

struct HttpCore : std::enable_shared_from_this<HttpCore> {
  HttpCore(Loop& on, HttpServerOptions with) : loop(on), options(std::move(with)) {}

  // Counts one connection, session or channel, while it lives.
  std::shared_ptr<void> place();
  void place_freed();
  void accepted(UniqueFd fd, const Address& from, bool with_tls);
  void close();

  struct Found {
    const HttpHandler* handler = nullptr;
    const ChannelHandler* channel = nullptr;
    std::string allowed;               // methods of the path, when it has no handler for this one
  };
  [[nodiscard]] Found find(const HttpHead& head) const;

  Loop& loop;
  HttpServerOptions options;
  std::map<std::string, std::map<std::string, HttpHandler>> routes;   // path, method
  std::map<std::string, ChannelHandler> channels;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::optional<TlsServerFiles> tls;
  std::set<std::shared_ptr<HttpSession>> sessions;
  std::set<WebSocketChannel*> open_channels;
  std::size_t connections = 0;
  bool closed = false;
};

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(HttpCore& core, Stream stream, std::string peer);

  void start(const TlsContext* tls);
  // No more callbacks; the connection is dropped.
  void drop();
  void refuse(int status, std::string why);

 private:
  void next();
  void head_came(HttpRead read, HttpHead head);
  void body_wanted();
  void body_came(HttpRead read, std::string body);
  void dispatch();
  void upgrade(const ChannelHandler& handler);
  void respond(HttpResponse response);
  void written(bool sent);
  void finish();
  void guard(Duration limit, void (HttpSession::*expired)());
  void request_expired();
  void check_progress();

  HttpCore& core_;
  HttpIo io_;
  std::string peer_;
  std::shared_ptr<void> place_;
  HttpHead head_;
  bool answering_ = false;       // a Responder is out
  bool keep_alive_ = false;
  bool to_head_ = false;
  bool expired_ = false;         // the request took too long
  bool dropped_ = false;
  std::uint64_t sent_before_ = 0;
  Timer timer_;
};

}  // namespace neonvm::runtime
