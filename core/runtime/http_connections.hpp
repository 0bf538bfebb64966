// HttpConnections: a client of one server that keeps its connections, and answers whose bodies come in pieces.
//
// HttpConnections: any thread. An HttpAnswer belongs to one thread at a time, except wake(), and may outlive the
// connections it came from. Nothing happens between calls: what arrives meanwhile waits in the kernel. TLS files are
// read once. A kept connection that the server has closed is replaced without a word; a GET is then sent again, any
// other request only if nothing of it was sent. Failure: unavailable (nobody there, closed), permission_denied (TLS),
// deadline_exceeded, refused (not HTTP, too large).
#pragma once

#include <memory>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::runtime {

class HttpAnswer {
 public:
  ~HttpAnswer();  // a body that is not at its end takes its connection with it
  // The answer without its body. deadline_exceeded: not yet, ask again; cancelled: somebody called wake().
  Result<HttpResponse> head(Deadline deadline);
  // The next bytes of the body, after head(); empty: it has ended in order. deadline_exceeded and cancelled as above.
  Result<std::string> piece(Deadline deadline);
  // Ends a blocked head() or piece(), or the next one, from any thread.
  void wake();

 private:
  friend class HttpConnections;
  struct Impl;
  explicit HttpAnswer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class HttpConnections {
 public:
  // Of the options, bearer_token and bearer_token_file are not looked at: a request brings its own header.
  static Result<std::unique_ptr<HttpConnections>> open(Endpoint endpoint, HttpClientOptions options);
  ~HttpConnections();

  // Does not block: head() connects and sends.
  std::unique_ptr<HttpAnswer> start(HttpRequest request);
  // One whole exchange. not-2xx is not an error here.
  Result<HttpResponse> call(HttpRequest request, Deadline deadline);
  // Connections that wait to be used again.
  [[nodiscard]] std::size_t idle() const;

 private:
  struct Pool;
  friend class HttpAnswer;
  explicit HttpConnections(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}
  std::shared_ptr<Pool> pool_;
};

}  // namespace neonvm::runtime
