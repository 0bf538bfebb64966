#include <charconv>

#include "core/runtime/address.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::runtime {

namespace {

constexpr std::string_view forms = "give unix:/path, http://ADDRESS:PORT or https://ADDRESS:PORT";

Error refused(std::string_view text, std::string_view why) {
  return {Code::invalid_argument, "\"" + std::string(text) + "\": " + std::string(why) + "; " + std::string(forms)};
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// "[::1]:80" or "127.0.0.1:80" into the endpoint; why not, or empty.
std::string_view split(std::string_view rest, Endpoint& endpoint) {
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.ends_with(']')) return "no port";
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos) return "an IPv6 address needs brackets";
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (error != std::errc() || end != port.data() + port.size()) return "the port is not a number from 0 to 65535";
  endpoint.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  return {};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  if (take(rest, "unix:")) {
    // "unix:///run/x" is the same path as "unix:/run/x".
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (rest.empty()) return refused(text, "no path");
    if (rest.find('\0') != std::string_view::npos) return refused(text, "a path has no zero byte");
    endpoint.host = std::string(rest);
  } else if (take(rest, "http://") || take(rest, "https://")) {
    endpoint.scheme = text.starts_with("https") ? Endpoint::Scheme::tls : Endpoint::Scheme::tcp;
    if (const std::string_view why = split(rest, endpoint); !why.empty()) return refused(text, why);
  } else {
    return refused(text, "not an endpoint");
  }
  if (Result<Address> address = to_address(endpoint); !address.ok()) return address.error();
  return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.scheme == Endpoint::Scheme::unix_socket) return "unix:" + endpoint.host;
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (endpoint.scheme == Endpoint::Scheme::tls ? "https://" : "http://") +
         (v6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

}  // namespace neonvm::runtime
