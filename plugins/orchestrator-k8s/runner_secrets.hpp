// RunnerSecrets: what lets a runner and those who speak to it know each other: one Secret a VM, and the authority behind all.
//
// The Secret "runner-neonvm-VM" lies in the VM's namespace, owned by the VM, and is mounted into its pods: tls.crt, tls.key,
// ca.crt, and the token that callers show. The authority is the Secret "neonvm-authority" (ca.crt, ca.key) in neonvm's own
// namespace, where only the controller may read it; it is made when it is first needed. The certificate carries a name made
// of the VM's uid, so that no VM can pass for another or for a namesake before it. Any thread; every call keeps to its
// deadline. Failure: permission_denied names the manifest that gives the right; messages never hold a secret.
#pragma once

#include <memory>
#include <string>

#include "core/model/node.hpp"
#include "core/model/result.hpp"
#include "core/runtime/certificates.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/authority_secret.hpp"

namespace neonvm::k8s {

// Of one VM.
std::string runner_secret_name(const std::string& vm);
// The DNS name in its certificate.
std::string runner_server_name(const std::string& vm_uid);

// Of the authority's certificate: by it ours is told from somebody else's.
constexpr const char* authority_common_name = "neonvm";

class RunnerSecrets {
 public:
  // own_namespace: where the authority is.
  RunnerSecrets(std::shared_ptr<ApiClient> client, std::string own_namespace);

  // The VM has a Secret that is its own and fresh; running pods see a renewed certificate within a minute.
  // first: it never had a runner, so one request will do; another one that is there all the same is looked at as ever.
  // Answers when it is due again.
  Result<WallTime> ensure(const std::string& ns, const std::string& vm, const std::string& vm_uid, bool first, Deadline deadline);
  // Of a VM that was made then nothing is due before.
  static WallTime not_due_before(WallTime made);
  // not_found: it has none yet.
  Result<RunnerAccess> access(const std::string& ns, const std::string& vm, Deadline deadline);

  // Made when there is none.
  Result<runtime::KeyPair> authority(Deadline deadline) { return authority_.get(deadline); }

 private:
  const std::shared_ptr<ApiClient> client_;
  AuthoritySecret authority_;
};

}  // namespace neonvm::k8s
