// door_credentials: servers beyond a Unix socket, by a folder with tls.crt, tls.key, ca.crt and token, as a Secret mounts it.
//
// Certificates and token are read again when they are renewed: from then on the old token opens nothing. Failure: invalid_argument with the
// file, when the door is made; later what was good stays.
#pragma once

#include <functional>
#include <string>

#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

// TLS; 401 for whoever does not show the token as a bearer, or in the header `other` if that is not empty, but for requests that are
// `open` to everybody.
Result<runtime::HttpServerOptions> token_door(const std::string& folder, std::function<bool(const runtime::HttpRequest&)> open,
                                              const std::string& other = "");
// TLS; only for callers with a certificate that ca.crt's authority has signed for that name: every runner has one for its own.
Result<runtime::HttpServerOptions> certificate_door(const std::string& folder, const std::string& client_name);

}  // namespace neonvm::cli
