// AuthoritySecret: an authority that signs certificates, kept as a Secret of neonvm's own namespace (ca.crt, ca.key).
//
// It is made when it is first needed, by whoever is quickest, and remembered. Only the controller may read it. Any thread; every
// call keeps to its deadline. Failure: permission_denied and not_found say which manifest is missing, data_loss that what is there
// is no authority; messages never hold a key.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/model/result.hpp"
#include "core/runtime/certificates.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {

class AuthoritySecret {
 public:
  AuthoritySecret(std::shared_ptr<ApiClient> client, std::string own_namespace, std::string name, std::string common_name);

  Result<runtime::KeyPair> get(Deadline deadline);

 private:
  Result<runtime::KeyPair> read(Deadline deadline);
  Result<runtime::KeyPair> make(Deadline deadline);

  const std::shared_ptr<ApiClient> client_;
  const std::string ns_, name_, common_name_;
  std::mutex mutex_;
  std::optional<runtime::KeyPair> known_;
};

}  // namespace neonvm::k8s
