#include "cli/door_credentials.hpp"

#include <unistd.h>

#include <fstream>
#include <utility>

namespace neonvm::cli {

namespace {

constexpr std::size_t shortest_token = 32;

Result<std::string> token_in(const std::string& folder) {
  std::ifstream file(folder + "/token");
  std::string token;
  std::getline(file, token);
  if (token.size() < shortest_token) return Error{Code::invalid_argument, folder + "/token is not there or shorter than 32 characters"};
  return token;
}

// In a time that tells nothing of where they differ.
bool same_secret(const std::string& given, const std::string& token) {
  unsigned char differs = given.size() == token.size() ? 0 : 1;
  for (std::size_t i = 0; i < token.size(); ++i) differs |= static_cast<unsigned char>(token[i] ^ (i < given.size() ? given[i] : '\0'));
  return differs == 0;
}

Result<runtime::TlsFiles> files_in(const std::string& folder) {
  for (const char* name : {"/tls.crt", "/tls.key", "/ca.crt"}) {
    if (::access((folder + name).c_str(), R_OK) != 0) return Error{Code::invalid_argument, folder + name + " cannot be read"};
  }
  return runtime::TlsFiles{folder + "/tls.crt", folder + "/tls.key", "", ""};
}

}  // namespace

Result<runtime::HttpServerOptions> token_door(const std::string& folder, std::function<bool(const runtime::HttpRequest&)> open,
                                              const std::string& other) {
  auto tls = files_in(folder);
  if (!tls) return tls.error();
  auto token = token_in(folder);
  if (!token) return token.error();
  runtime::HttpServerOptions options;
  options.tls = std::move(*tls);
  options.authorize = [token = *token, other, open = std::move(open)](const runtime::HttpRequest& request) {
    const auto carries = [&request](const std::string& name, const std::string& value) {
      const auto given = request.headers.find(name);
      return given != request.headers.end() && same_secret(given->second, value);
    };
    return carries("authorization", "Bearer " + token) || (!other.empty() && carries(other, token)) || (open && open(request));
  };
  return options;
}

Result<runtime::HttpServerOptions> certificate_door(const std::string& folder, const std::string& client_name) {
  auto tls = files_in(folder);
  if (!tls) return tls.error();
  tls->ca = folder + "/ca.crt";
  tls->client_name = client_name;
  runtime::HttpServerOptions options;
  options.tls = std::move(*tls);
  return options;
}

}  // namespace neonvm::cli
