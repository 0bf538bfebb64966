// Private to runtime: what certificates and requests for them are made of, with OpenSSL.
//
// Failure of what returns a pointer: null, and the reason is in OpenSSL's queue, from where refused() takes it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/runtime/certificates.hpp"

namespace neonvm::runtime::x509 {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* it) const {
    free(it);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Free<X509_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Names = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

// "what: why", and nothing of it is left in the queue.
Error refused(const char* what);
std::string text_of(BIO* bio);
// Reads from `text`, which outlives it.
Bio over(const std::string& text);
// Null: no private key in PEM.
Key key_from(const std::string& pem);
// PKCS #8; empty: refused.
std::string text_of_key(EVP_PKEY* key);
// DNS names and addresses as subject alternative names.
Names general_names(const std::vector<std::string>& wanted);
Status check_names(const CertificateWish& wish);

}  // namespace neonvm::runtime::x509
