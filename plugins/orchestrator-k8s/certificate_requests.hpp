// CertificateRequests: certificates by cert-manager (cert-manager.io/v1), for keys that never leave the VM's namespace.
//
// The key of a request waits as the Secret "tls-neonvm-VM-tmp", so that a controller that starts anew goes on where another one
// ended. A request that was refused is deleted, so that the next call makes another. Any thread; every call keeps to its deadline.
#pragma once

#include <memory>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/certificates.hpp"
#include "core/wire/vm_tls.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

struct VmName {
  std::string ns, name, uid;
};

struct Issued {
  std::string key, certificate, authority;  // PEM; no authority: the issuer tells none
};

// Of a CertificateRequest as it is stored. Pure.
struct RequestState {
  enum class Kind { waits, issued, refused } kind = Kind::waits;
  std::string certificate, authority;       // PEM, of issued
  std::string why;                          // what was last said of it
};
RequestState request_state(const Json& request);

// What is asked for: the names of the wish, or the VM's own ("web.prod").
runtime::CertificateWish certificate_wish(const VmName& vm, const wire::TlsWish& wish);
// One line that is another one when another certificate is meant.
std::string meaning_of(const VmName& vm, const wire::TlsWish& wish);

class CertificateRequests {
 public:
  explicit CertificateRequests(std::shared_ptr<ApiClient> client) : client_(std::move(client)) {}

  // Waits for the issuer by watching, as long as the deadline leaves time for what comes after. failed_precondition: not yet or
  // refused, by whom and why; the request stays unless it was refused.
  Result<Issued> obtain(const VmName& vm, const wire::TlsWish& wish, Deadline deadline);
  // What obtain() left beside the certificate; once that is kept elsewhere.
  Status clean_up(const VmName& vm, Deadline deadline);

 private:
  Result<std::string> waiting_key(const VmName& vm, Deadline deadline);
  Result<Json> request_for(const VmName& vm, const wire::TlsWish& wish, const std::string& key, Deadline deadline);
  Result<Json> await(const VmName& vm, Json request, Deadline deadline);
  Status remove(const std::string& what, const std::string& target, Deadline deadline);

  const std::shared_ptr<ApiClient> client_;
};

}  // namespace neonvm::k8s
