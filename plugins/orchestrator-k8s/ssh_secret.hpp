// The Secret "ssh-neonvm-VM": an SSH key pair of one VM (ssh-privatekey, ssh-publickey), by upstream's names.
//
// Of a pod's volumes only the public half is one: its guest gets that as /mnt/ssh/authorized_keys, where an image's own SSH server
// looks if it was told to. The private half is for whoever may read the Secret. It is made once a VM, immutable, and goes with it.
#pragma once

#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

constexpr const char* ssh_public_key = "ssh-publickey";
constexpr const char* ssh_private_key = "ssh-privatekey";

std::string ssh_secret_name(const std::string& vm);
// By a VirtualMachine's spec: enableSSH, which is true by default, and an image, without which the default guest runs: that has no
// SSH server, and a Secret is one more thing that a server of many VMs has to store.
bool wants_ssh(const Json& vm_spec);

// It is there. What is there already and is nobody's stays: users may bring a key of their own. What a VM before this one of the
// same name has left makes room. first: there never was one, so one request will do; one that is there all the same is looked
// at as ever. Failure: permission_denied names the manifest that gives the right; invalid_argument, when it is some other object's.
Status ensure_ssh_secret(ApiClient& client, const std::string& ns, const std::string& vm, const std::string& vm_uid, bool first, Deadline deadline);

}  // namespace neonvm::k8s
