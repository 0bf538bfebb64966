// TlsWish: spec.tls of a VirtualMachine (neonvm.md 1.4): the certificate that a guest is to have. Only a cluster acts on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

struct TlsWish {
  std::string issuer;                // ClusterIssuer of cert-manager; empty: neonvm's own authority signs
  std::string server_name;           // common and DNS name; empty: the VM's
  std::string mount_path = "/var/tls";
  Duration expire_after = std::chrono::hours(24 * 90);
  Duration renew_before{};           // less than expire_after

  friend bool operator==(const TlsWish&, const TlsWish&) = default;
};

// vm_spec: JSON of a VirtualMachine's spec. None: it has no tls. Without renewBefore a certificate is renewed when a third of
// its time is left. invalid_argument, one line for each member that cannot be meant: "spec.tls.expireAfter: …".
Result<std::optional<TlsWish>> read_tls_wish(std::string_view vm_spec);

}  // namespace neonvm::wire
