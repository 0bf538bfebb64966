#include "core/runtime/client_connect.hpp"
#include "core/runtime/http_io.hpp"
#include "core/runtime/http_text.hpp"

namespace neonvm::runtime {

namespace {

// Of a response: some servers send many cookies and traces.
constexpr std::size_t max_header = 64 * 1024;

// One exchange on an io_context that lives as long as the call.
class Exchange {
 public:
  Exchange(const Endpoint& endpoint, const HttpRequest& request, const HttpClientOptions& options)
      : endpoint_(endpoint), request_(request), options_(options) {}

  Result<HttpResponse> run(const std::string& token, Deadline deadline) {
    head_ = request_head(request_, endpoint_, token);
    const auto connect = std::make_shared<ClientConnect>(io_, endpoint_, options_.tls.value_or(TlsFiles{}));
    connect->start([this](Result<Stream> stream) { connected(std::move(stream)); });
    io_.run_until(deadline);
    if (result_) return std::move(*result_);
    return Error{Code::deadline_exceeded, to_string(endpoint_) + ": no answer in time, " + phase_};
  }

 private:
  void connected(Result<Stream> stream) {
    if (!stream.ok()) return finish(stream.error());
    phase_ = "while sending the request";
    http_.emplace(std::move(*stream), max_header, options_.max_body);
    // A server may answer without reading all (413) and then close: its answer counts more than that sending failed.
    http_->write(head_, request_.body, [this](bool sent) {
      if (sent) phase_ = "while waiting for the answer";
    });
    http_->read_response(request_.method == "HEAD", [this](HttpRead read, HttpResponse response) {
      if (read == HttpRead::ok) return finish(std::move(response));
      finish(unreadable(read));
    });
  }

  [[nodiscard]] Error unreadable(HttpRead read) const {
    const std::string at = to_string(endpoint_) + ": ";
    switch (read) {
      case HttpRead::body_too_large:
        return {Code::refused, at + "the answer is larger than " + std::to_string(options_.max_body) + " bytes"};
      case HttpRead::header_too_large: return {Code::refused, at + "the answer's header is too large"};
      case HttpRead::malformed: return {Code::refused, at + "the answer is not HTTP"};
      case HttpRead::ok:
      case HttpRead::closed: break;
    }
    return {Code::unavailable, at + "closed before an answer came"};
  }

  void finish(Result<HttpResponse> result) {
    result_ = std::move(result);
    io_.stop();
  }

  // First, so that everything else has gone before it.
  asio::io_context io_{1};
  const Endpoint& endpoint_;
  const HttpRequest& request_;
  const HttpClientOptions& options_;
  std::string head_;
  std::string phase_ = "while connecting";
  std::optional<HttpIo> http_;
  std::optional<Result<HttpResponse>> result_;
};

}  // namespace

Result<HttpResponse> http_call(const Endpoint& endpoint, const HttpRequest& request, Deadline deadline,
                               const HttpClientOptions& options) {
  if (options.through) {
    HttpRequest handed_on = request;
    handed_on.target = options.through->path + request.target;
    handed_on.headers.insert(options.through->headers.begin(), options.through->headers.end());
    HttpClientOptions to_proxy = options;
    to_proxy.through.reset();
    return http_call(options.through->endpoint, handed_on, deadline, to_proxy);
  }
  try {
    Result<std::string> token = bearer_token(options);
    if (!token.ok()) return token.error();
    return Exchange(endpoint, request, options).run(*token, deadline);
  } catch (const boost::system::system_error& error) {
    // No descriptors left for the call's own io_context.
    return Error{Code::unavailable, to_string(endpoint) + ": " + error.what()};
  }
}

}  // namespace neonvm::runtime
