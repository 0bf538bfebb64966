// server_url: the address of an API server, and the numbers behind its name.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::k8s {

struct ServerUrl {
  runtime::Endpoint::Scheme scheme = runtime::Endpoint::Scheme::tls;
  std::string host;           // name or numbers, without brackets
  std::uint16_t port = 443;
  std::string prefix;         // "/k8s/clusters/c-1"; empty: none
  [[nodiscard]] std::string host_field() const;
};

// Pure. invalid_argument with the text, which holds no secret: user:password@ is refused unshown.
Result<ServerUrl> parse_server_url(const std::string& text);
// One or more addresses; asks the system's resolver where the host is a name. unavailable: nobody knows it;
// deadline_exceeded.
Result<std::vector<runtime::Endpoint>> resolve(const ServerUrl& url, Deadline deadline);

}  // namespace neonvm::k8s
