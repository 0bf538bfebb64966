// An SSH key pair of our own, in OpenSSH's files. Ed25519 (RFC 8709); no passphrase.
//
// For keys that machines use: guests' users of a cluster. Format: openssh-portable's PROTOCOL.key. Any thread. Failure:
// invalid_argument for a comment of more than one line, internal when OpenSSL refuses; messages never hold a key.
#pragma once

#include <string>

#include "core/model/result.hpp"

namespace neonvm::runtime {

struct SshKeyPair {
  std::string private_key;  // "-----BEGIN OPENSSH PRIVATE KEY-----…", for files of mode 0600 and Secrets
  std::string public_key;   // "ssh-ed25519 AAAA… comment\n": a line of authorized_keys
};

Result<SshKeyPair> make_ssh_key(const std::string& comment);

}  // namespace neonvm::runtime
