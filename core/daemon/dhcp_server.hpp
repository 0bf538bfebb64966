// DhcpServer: gives a VM the one address that it has in its pod.
//
// Owned by cli/runner, where the pod routes for its VM; for guests whose init is not ours. Needs no privilege: it listens above the
// privileged ports, and the pod's rules (decide/pod_network) show the guest the usual ones. Loop thread. Failure: opening only; what
// cannot be read or sent is passed over, the client asks again.
#pragma once

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/unique_fd.hpp"
#include "core/wire/dhcp.hpp"

namespace neonvm::daemon {

class DhcpServer {
 public:
  // device: the pod's end of the link. not_found when it is not there.
  static Result<DhcpServer> open(const std::string& device, std::uint16_t port);

  // From now on; once. The server must stay where it is.
  void serve(runtime::Loop& loop, const wire::DhcpLease& lease);

 private:
  explicit DhcpServer(runtime::UniqueFd socket) : socket_(std::move(socket)) {}
  void answer_one();

  runtime::UniqueFd socket_;
  wire::DhcpLease lease_;
  runtime::FdWatch watch_;
};

}  // namespace neonvm::daemon
