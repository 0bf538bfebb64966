// VmCertificates: the certificate that a VM's spec.tls asks for: the Secret "tls-neonvm-VM" (tls.crt, tls.key, ca.crt).
//
// Signed by the ClusterIssuer of cert-manager that the wish names, through a CertificateRequest; without one by neonvm's own
// authority for guests ("neonvm-guest-authority" in neonvm's own namespace), which is another than that of runners: users choose the
// names in these certificates. Each has a key of its own. Any thread; every call keeps to its deadline. Failure:
// failed_precondition tells whom the certificate waits for and what that last said; messages never hold a key.
#pragma once

#include <memory>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/wire/vm_tls.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/authority_secret.hpp"
#include "plugins/orchestrator-k8s/certificate_requests.hpp"

namespace neonvm::k8s {

std::string tls_secret_name(const std::string& vm);

class VmCertificates {
 public:
  // own_namespace: where the authority is.
  VmCertificates(std::shared_ptr<ApiClient> client, std::string own_namespace);

  // The Secret is there, as the wish says, and not due. Answers when it will be.
  Result<WallTime> ensure(const VmName& vm, const wire::TlsWish& wish, Deadline deadline);

 private:
  Result<Issued> issue(const VmName& vm, const wire::TlsWish& wish, Deadline deadline);

  const std::shared_ptr<ApiClient> client_;
  AuthoritySecret authority_;
  CertificateRequests requests_;
};

}  // namespace neonvm::k8s
