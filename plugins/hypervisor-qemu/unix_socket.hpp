// Unix stream sockets by path, however long the path is.
//
// Used by the launchers and by qemu_machine. A sockaddr_un holds 107 characters; a longer path is reached through
// /proc/self/fd/<directory>. Threads: any. Failure: the error names the path.
#pragma once

#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

constexpr std::size_t longest_socket_path = 107;

// A listening socket of mode 0600 at `path`; what was there before is removed. Close-on-exec.
Result<UniqueFd> listen_at(const std::string& path);

// Connected, close-on-exec. unavailable when nobody listens, not_found without a socket file.
Result<UniqueFd> connect_to(const std::string& path);

}  // namespace neonvm::qemu
