// HttpIo: HTTP/1.1 messages over one Stream, read and written one at a time. Private to the runtime; no Beast in here.
//
// Loop thread only. Each call's callback comes later, once, unless the stream is closed meanwhile; it holds nothing but
// what it captures, so callers keep their HttpIo alive through it. What is read ahead stays for the next message.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/runtime/http.hpp"
#include "core/runtime/stream.hpp"

namespace neonvm::runtime {

enum class HttpRead { ok, closed, malformed, header_too_large, body_too_large };

// What a request's header says to the connection, beside the request itself.
struct HttpHead {
  HttpRequest request;
  bool keep_alive = false;
  bool upgrade = false;           // to a WebSocket
  bool expects_continue = false;
  bool http_1_0 = false;
};

class HttpIo {
 public:
  HttpIo(Stream stream, std::size_t max_header, std::size_t max_body);
  ~HttpIo();

  void read_head(std::function<void(HttpRead, HttpHead)> done);
  // Of the request whose head was read last.
  void read_body(std::function<void(HttpRead, std::string)> done);
  // The whole answer; to_head: to a HEAD request, which has no body. Interim ones (100) are skipped.
  void read_response(bool to_head, std::function<void(HttpRead, HttpResponse)> done);
  // The same in pieces: the head of the answer, without its body; then the body as it comes, until `ended`.
  void read_response_head(bool to_head, std::function<void(HttpRead, HttpResponse)> done);
  void read_response_piece(std::function<void(HttpRead, std::string piece, bool ended)> done);
  // After `ended`: the server keeps the connection, and nothing else was sent on it.
  [[nodiscard]] bool reusable() const;
  void write(std::string head, std::string body, std::function<void(bool sent)> done);
  // Says that nothing more comes and reads what the peer still sends, so that it can read our last words.
  void linger(std::function<void()> done);

  [[nodiscard]] Stream& stream();
  // With what was read ahead put back.
  [[nodiscard]] Stream release();
  // Some of the next message is here.
  [[nodiscard]] bool has_begun() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace neonvm::runtime
