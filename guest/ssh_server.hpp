// ssh_server: an SSH server for one connection, which comes over the host's link: OpenSSH's sshd or dropbear, whichever the
// image has, in its inetd manner.
//
// Called by cli/ssh_server in the guest build, as a program of its own that the monitor runs. No port is opened and no
// network is needed. Host keys are made at the first use, in memory (/run): they are never on a disk that could be copied, so
// no two VMs share one, and a VM that was migrated keeps its own; after a reboot they are new, and the host learns them
// over the link before each connection. Failure: not_found when the guest has no server, with what to do instead.
#pragma once

#include <string>

#include "core/model/result.hpp"

namespace neonvm::guest {

struct SshPlace {
  std::string root;                      // before every path; "" in a guest, a folder in tests
  std::string folder = "/run/neonvm/ssh";
};

// Lets the holder of that key log in, and tells the host key: "ssh-ed25519 AAAA…". `authorized`: one line of
// authorized_keys, with its newline or without.
Result<std::string> prepare_ssh(const std::string& authorized, const SshPlace& place = {});
// Serves the connection that standard input and output are. Returns the server's exit code.
Result<int> serve_ssh(const SshPlace& place = {});

// "ssh-ed25519 AAAA… comment" is; pure.
Status check_authorized_key(const std::string& line);
// The first line of `text` that is a public key, without its comment; "" if there is none.
std::string public_key_in(const std::string& text);

}  // namespace neonvm::guest
