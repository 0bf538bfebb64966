// The heads of HTTP messages as text. Private to the runtime; pure.
#pragma once

#include <map>
#include <string>

#include "core/runtime/http.hpp"

namespace neonvm::runtime {

struct Framing {
  bool keep_alive = true;
  bool http_1_0 = false;
};

// With Content-Length; fields that would break the framing (line ends, our own names) are left out.
std::string response_head(const HttpResponse& response, const Framing& framing);
std::string request_head(const HttpRequest& request, const Endpoint& host, const std::string& bearer_token,
                         bool keep_alive = false);

HttpResponse text_response(int status, std::string body);

// A target without its query.
std::string path_of(const std::string& target);

// The token of the options, or of their file as it is now; empty: none is asked for.
Result<std::string> bearer_token(const HttpClientOptions& options);
// Where a channel really begins: the endpoint and its path, or those of the proxy; and the fields of its first request.
struct ChannelStart {
  Endpoint endpoint;
  std::string path;
  std::map<std::string, std::string> headers;
};
Result<ChannelStart> channel_start(const Endpoint& endpoint, const std::string& path, const HttpClientOptions& options);
// "10.0.0.1:80", "[::1]:80"; "localhost" on a Unix socket.
std::string host_field(const Endpoint& endpoint);

}  // namespace neonvm::runtime
