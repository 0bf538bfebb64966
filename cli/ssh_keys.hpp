// SshFolder: what `neonvm ssh` keeps of one VM: the user's key for it, the host key that the guest has told, and a
// configuration for ssh that uses both.
//
// At a desk in the VM's own folder, 0700, so that it goes with the VM; of a cluster's VM by its uid in the user's home, for names
// are used again, and in several clusters; there `neonvm delete` removes it. Used by cli/ssh; several processes at once are fine: each file is
// written beside its place and put there whole. Failure: a Result that names the file and the reason.
#pragma once

#include <string>
#include <vector>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::cli {

class SshFolder {
 public:
  // folder: absolute. Creates nothing yet.
  SshFolder(std::string folder, std::string vm);

  // Makes the key if there is none (ssh-keygen). Its public half, one line.
  Result<std::string> own_key() const;
  // host_key: "ssh-ed25519 AAAA…", as the guest told it over its link.
  Status know_host(const std::string& host_key) const;
  // through: the command that carries a connection to the guest.
  Status configure(const std::string& user, const std::vector<std::string>& through) const;

  [[nodiscard]] std::string config_path() const { return folder_ + "/config"; }
  [[nodiscard]] std::string config_text(const std::string& user, const std::vector<std::string>& through) const;

 private:
  Status make() const;
  Status make_key(const std::string& path) const;
  Status write(const std::string& name, const std::string& text) const;

  std::string vm_, folder_;
};

// Where it is; in_cluster: the VM is one of a cluster's.
std::string ssh_folder_of(const Object& vm, const std::string& home, bool in_cluster);
// "ssh-ed25519 AAAA…" of plain letters and nothing else: what a guest says is written where ssh believes it.
bool is_host_key(const std::string& text);
// One word for the shell that ssh starts a ProxyCommand with; '%' is doubled, for ssh.
std::string proxy_word(const std::string& word);

}  // namespace neonvm::cli
