// A request for a certificate (PKCS #10, RFC 2986), for an authority that is somebody else's: cert-manager's issuers.
//
// Any thread. Failure: invalid_argument for names and keys that cannot be read, internal when OpenSSL refuses; messages never hold
// a key.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "core/runtime/certificates.hpp"

namespace neonvm::runtime {

// EC P-256, PKCS #8.
Result<std::string> make_key();
// PEM. Of the wish, common name and names are asked for; uses and lifetime are for whoever signs.
Result<std::string> certificate_request(const std::string& key, const CertificateWish& wish);

}  // namespace neonvm::runtime
