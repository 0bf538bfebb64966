// A small HTTP/1.1 server and client over Unix sockets and TCP, plain or TLS.
//
// Server: callbacks on the loop's thread; a handler answers now or later through its Responder (once; a Responder that
// dies unanswered answers 500). Bodies are read whole, at most `max_body`; idle connections are closed after
// `idle_timeout`; keep-alive and pipelined requests are served in order. Whoever listens beyond a Unix socket sets
// `authorize`. TLS files are read again when they have changed. A handler that throws answers 500. HttpServer and Responder:
// loop thread only; both end before the loop. Client: blocking, any thread, for the CLI and workers (off_loop), with one deadline for the whole exchange.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/channel.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::runtime {

// "unix:/run/x.sock", "http://127.0.0.1:9100", "http://[::1]:9100", "https://10.0.0.7:25183". Numbers only: a static guest
// has no resolver ("localhost" is 127.0.0.1).
struct Endpoint {
  enum class Scheme { unix_socket, tcp, tls };
  Scheme scheme = Scheme::unix_socket;
  std::string host;          // numeric address, or the socket's path
  std::uint16_t port = 0;
};
Result<Endpoint> parse_endpoint(std::string_view text);
std::string to_string(const Endpoint& endpoint);

struct HttpRequest {
  std::string method, target;              // target: path with query
  std::map<std::string, std::string> headers;  // lower-case names
  std::string body;
  std::string peer;                        // "uid 1000 pid 42" on a Unix socket, "10.0.0.3:4711" on TCP
};

struct HttpResponse {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
};

class Responder {
 public:
  explicit Responder(std::function<void(HttpResponse)> send);
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();
  void operator()(HttpResponse response);

 private:
  std::function<void(HttpResponse)> send_;
};

using HttpHandler = std::function<void(HttpRequest, Responder)>;
using ChannelHandler = std::function<void(HttpRequest, std::shared_ptr<Channel>)>;

struct TlsFiles {
  std::string certificate, key, ca;        // PEM paths; ca set: peers must show a certificate signed by it
  // Client: the DNS name that the server's certificate must have; empty: it must have the endpoint's address. Without a
  // ca the system's are trusted.
  std::string server_name;
  // The same as texts, for what never was a file; each counts instead of the path beside it.
  std::string certificate_pem{}, key_pem{}, ca_pem{};
  bool unverified = false;                 // client: takes any server for the right one
  std::string client_name{};               // server with a ca: the DNS name that a peer's certificate must have; empty: any
};

struct HttpServerOptions {
  std::size_t max_body = 4 * 1024 * 1024;
  Duration idle_timeout = std::chrono::seconds(60);
  std::optional<TlsFiles> tls;
  std::function<bool(const HttpRequest&)> authorize;  // false: 401 before any handler
  unsigned socket_mode = 0600;             // of a Unix socket
  bool allow_other_users = false;          // on a Unix socket; else only our own user and root are answered
  std::size_t max_header = 16 * 1024;
  std::size_t max_connections = 1000;      // beyond that callers wait in the kernel's queue
  ChannelOptions channel;
};

class HttpServer {
 public:
  HttpServer(Loop& loop, HttpServerOptions options = {});
  ~HttpServer();  // closes everything; handlers are not called any more

  // Path without query, exact; a path ending in '/' takes everything below it. Method "" takes every method.
  void route(const std::string& method, const std::string& path, HttpHandler handler);
  // WebSocket upgrades of that path.
  void channel(const std::string& path, ChannelHandler handler);
  // A stale Unix socket that nobody listens on is replaced; port 0 takes a free one. Returns the address in use.
  Result<Endpoint> listen(const Endpoint& endpoint);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// A server that hands calls and channels on to the one that they are for (an API server's way to a pod). What the options
// say of TLS and tokens is then for it.
struct HttpProxy {
  Endpoint endpoint;                       // connected to instead
  std::string path;                        // before the path that is asked for
  std::map<std::string, std::string> headers;  // beside the caller's
};

struct HttpClientOptions {
  std::optional<HttpProxy> through{};
  std::optional<TlsFiles> tls;
  std::string bearer_token;
  std::string bearer_token_file;           // read for every request, so that a rotated token is used
  std::size_t max_body = 64 * 1024 * 1024;  // of a response
};

// One exchange. not-2xx is not an error here.
Result<HttpResponse> http_call(const Endpoint& endpoint, const HttpRequest& request, Deadline deadline,
                               const HttpClientOptions& options = {});

}  // namespace neonvm::runtime
