// Addresses of sockets, spelled and unspelled. Private to the runtime; POSIX only, no resolver.
#pragma once

#include <sys/socket.h>

#include <string>

#include "core/runtime/http.hpp"

namespace neonvm::runtime {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

Result<Address> to_address(const Endpoint& endpoint);
// "10.0.0.3:4711", "[::1]:80".
std::string to_string(const Address& address);
std::uint16_t port_of(const Address& address);

// "uid 1000 pid 42"; who called listen(), or connect(), on the other side of a Unix socket.
struct UnixPeer {
  unsigned uid = ~0u;
  int pid = 0;
};
UnixPeer unix_peer(int fd);

// "no such file" for the errno of a system call.
std::string errno_text(int number);

}  // namespace neonvm::runtime
