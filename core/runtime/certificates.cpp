#include "core/runtime/certificates.hpp"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "core/runtime/x509.hpp"

namespace neonvm::runtime {

using namespace x509;

namespace {

constexpr std::chrono::minutes clocks_differ{5};

Result<KeyPair> as_text(EVP_PKEY* key, X509* certificate) {
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  std::string key_text = text_of_key(key);
  if (key_text.empty()) return refused("writing a key");
  if (PEM_write_bio_X509(certificate_text.get(), certificate) != 1) return refused("writing a certificate");
  return KeyPair{std::move(key_text), text_of(certificate_text.get())};
}

Cert first_certificate(const std::string& pem) {
  Cert certificate(PEM_read_bio_X509(over(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

std::time_t seconds_of(WallTime time) { return std::chrono::system_clock::to_time_t(time); }

bool set_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // a serial number is positive
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_times(X509* certificate, WallTime now, Duration lifetime) {
  const auto end = now + std::chrono::duration_cast<std::chrono::milliseconds>(lifetime);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds_of(now - clocks_differ)) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds_of(end)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& common_name) {
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, text,
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int which, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, which, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_names(X509* certificate, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  const Names names = general_names(wanted);
  return names && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

std::string uses_of(const CertificateWish& wish) {
  std::string uses = wish.server ? "serverAuth" : "";
  if (wish.client) uses += uses.empty() ? "clientAuth" : ",clientAuth";
  return uses;
}

struct Draft {
  Key key;
  Cert certificate;
};

Result<Draft> draft(const std::string& common_name, WallTime now, Duration lifetime) {
  Draft made{Key(EVP_EC_gen("P-256")), Cert(X509_new())};
  if (!made.key || !made.certificate) return refused("making a key");
  X509* certificate = made.certificate.get();
  const bool good = X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
                    set_times(certificate, now, lifetime) && set_subject(certificate, common_name) &&
                    X509_set_pubkey(certificate, made.key.get()) == 1;
  if (!good) return refused("making a certificate");
  return made;
}

std::vector<std::string> names_in(X509* certificate) {
  std::vector<std::string> found;
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      found.emplace_back(text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      char text[INET6_ADDRSTRLEN] = "";
      const int family = ASN1_STRING_length(name->d.iPAddress) == 4 ? AF_INET : AF_INET6;
      if (::inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof text) != nullptr) found.emplace_back(text);
    }
  }
  return found;
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::from_time_t(::timegm(&parts)));
}

}  // namespace

Result<KeyPair> make_authority(const std::string& common_name, WallTime now, Duration lifetime) {
  if (const Status good = check_names({common_name, {}}); !good) return good.error();
  auto made = draft(common_name, now, lifetime);
  if (!made) return made.error();
  X509* own = made->certificate.get();
  const bool good = X509_set_issuer_name(own, X509_get_subject_name(own)) == 1 &&
                    add_extension(own, own, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(own, own, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(own, own, NID_subject_key_identifier, "hash") && X509_sign(own, made->key.get(), EVP_sha256()) > 0;
  if (!good) return refused("making an authority");
  return as_text(made->key.get(), own);
}

Result<KeyPair> issue(const KeyPair& authority, const CertificateWish& wish, WallTime now) {
  if (const Status good = check_names(wish); !good) return good.error();
  const Cert issuer = first_certificate(authority.certificate);
  const Key signer = key_from(authority.key);
  if (!issuer || !signer) return Error{Code::invalid_argument, "the authority's key or certificate cannot be read"};
  auto made = draft(wish.common_name, now, wish.lifetime);
  if (!made) return made.error();
  X509* own = made->certificate.get();
  const std::string uses = uses_of(wish);
  const bool good = X509_set_issuer_name(own, X509_get_subject_name(issuer.get())) == 1 &&
                    add_extension(own, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(own, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
                    (uses.empty() || add_extension(own, issuer.get(), NID_ext_key_usage, uses.c_str())) &&
                    add_extension(own, issuer.get(), NID_authority_key_identifier, "keyid") && add_names(own, wish.names) &&
                    X509_sign(own, signer.get(), EVP_sha256()) > 0;
  if (!good) return refused("signing a certificate");
  return as_text(made->key.get(), own);
}

Result<CertificateFacts> read_certificate(const std::string& pem) {
  const Cert certificate = first_certificate(pem);
  if (!certificate) return Error{Code::invalid_argument, "this is no certificate in PEM"};
  CertificateFacts facts;
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof name);
  facts.common_name = name;
  facts.names = names_in(certificate.get());
  facts.not_before = time_of(X509_get0_notBefore(certificate.get()));
  facts.not_after = time_of(X509_get0_notAfter(certificate.get()));
  facts.authority = X509_check_ca(certificate.get()) == 1;
  return facts;
}

bool is_signed_by(const std::string& certificate, const std::string& bundle) {
  const Cert own = first_certificate(certificate);
  const Bio text = over(bundle);
  bool found = false;
  while (own && !found) {
    const Cert issuer(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
    if (!issuer) break;
    found = X509_verify(own.get(), X509_get0_pubkey(issuer.get())) == 1;
  }
  ERR_clear_error();
  return found;
}

bool belongs_to(const std::string& key, const std::string& certificate) {
  const Cert own = first_certificate(certificate);
  const Key secret = key_from(key);
  const bool same = own && secret && X509_check_private_key(own.get(), secret.get()) == 1;
  ERR_clear_error();
  return same;
}

bool is_due(const CertificateFacts& facts, WallTime now) {
  const auto life = facts.not_after - facts.not_before;
  return now < facts.not_before || now >= facts.not_before + life * 2 / 3;
}

}  // namespace neonvm::runtime
