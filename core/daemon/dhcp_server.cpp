#include "core/daemon/dhcp_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

constexpr std::uint16_t client_port = 68;

sockaddr_in address_of(std::uint32_t address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

}  // namespace

Result<DhcpServer> DhcpServer::open(const std::string& device, std::uint16_t port) {
  const auto failed = [&device, port](const char* what) {
    const Code code = errno == ENODEV ? Code::not_found : Code::internal;
    return Error{code, "DHCP on " + device + ", port " + std::to_string(port) + ": " + what + ": " + std::strerror(errno)};
  };
  runtime::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed("socket");
  const int yes = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), static_cast<socklen_t>(device.size())) != 0) return failed("device");
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) != 0) return failed("broadcast");
  const sockaddr_in own = address_of(INADDR_ANY, port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return failed("bind");
  return DhcpServer(std::move(socket));
}

void DhcpServer::serve(runtime::Loop& loop, const wire::DhcpLease& lease) {
  lease_ = lease;
  watch_ = loop.watch_readable(socket_.get(), [this] { answer_one(); });
}

// One packet a turn: a guest that floods its server does not keep the runner from its work.
void DhcpServer::answer_one() {
  std::array<char, 1500> packet{};
  const ssize_t size = ::recv(socket_.get(), packet.data(), packet.size(), 0);
  if (size <= 0) return;
  const auto question = wire::decode_dhcp({packet.data(), static_cast<std::size_t>(size)});
  const auto answer = question ? wire::answer_dhcp(*question, lease_) : std::nullopt;
  if (!answer) return;
  // A client without an address yet hears nothing but broadcasts, and one that has it hears them, too.
  const sockaddr_in everybody = address_of(INADDR_BROADCAST, client_port);
  const ssize_t sent = ::sendto(socket_.get(), answer->data(), answer->size(), 0, reinterpret_cast<const sockaddr*>(&everybody), sizeof everybody);
  if (sent < 0) return runtime::log_warning("runner", "a guest's DHCP request has no answer", {{"error", std::strerror(errno)}});
  runtime::log_debug("runner", "DHCP", {{"kind", std::to_string(static_cast<int>(question->kind))}, {"address", to_string(lease_.address)}});
}

}  // namespace neonvm::daemon
