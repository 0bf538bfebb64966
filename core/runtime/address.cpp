#include "core/runtime/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <system_error>

namespace neonvm::runtime {

namespace {

Result<Address> unix_address(const std::string& path) {
  Address address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof(un.sun_path)) {
    return Error{Code::invalid_argument, "unix:" + path + ": the path has " + std::to_string(path.size()) +
                                             " bytes; a Unix socket takes at most " +
                                             std::to_string(sizeof(un.sun_path) - 1)};
  }
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace

Result<Address> to_address(const Endpoint& endpoint) {
  if (endpoint.scheme == Endpoint::Scheme::unix_socket) return unix_address(endpoint.host);
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    address.size = sizeof(v4);
  } else if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    address.size = sizeof(v6);
  } else {
    return Error{Code::invalid_argument, "\"" + endpoint.host + "\" is not a numeric address; give one like 127.0.0.1"};
  }
  return address;
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    return '[' + std::string(text) + "]:" + std::to_string(port_of(address));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
  return std::string(text) + ':' + std::to_string(port_of(address));
}

std::uint16_t port_of(const Address& address) {
  if (address.family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

UnixPeer unix_peer(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
  return {credentials.uid, credentials.pid};
}

std::string errno_text(int number) { return std::generic_category().message(number); }

}  // namespace neonvm::runtime
