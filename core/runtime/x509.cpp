#include "core/runtime/x509.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace neonvm::runtime::x509 {
namespace {

constexpr std::size_t longest_common_name = 64;  // ub-common-name, RFC 5280 appendix A

// As structures, not as the text of a configuration: no name can end one and begin another.
bool add_name(GENERAL_NAMES* names, const std::string& name) {
  unsigned char address[16];
  std::unique_ptr<GENERAL_NAME, Free<GENERAL_NAME_free>> entry(GENERAL_NAME_new());
  const int v4 = ::inet_pton(AF_INET, name.c_str(), address), v6 = v4 == 1 ? 0 : ::inet_pton(AF_INET6, name.c_str(), address);
  if (v4 == 1 || v6 == 1) {
    ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
    if (octets == nullptr || ASN1_OCTET_STRING_set(octets, address, v4 == 1 ? 4 : 16) != 1) return false;
    GENERAL_NAME_set0_value(entry.get(), GEN_IPADD, octets);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    if (text == nullptr || ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) != 1) return false;
    GENERAL_NAME_set0_value(entry.get(), GEN_DNS, text);
  }
  return sk_GENERAL_NAME_push(names, entry.release()) > 0;
}

}  // namespace

Error refused(const char* what) {
  const unsigned long number = ERR_get_error();
  ERR_clear_error();
  const char* why = number != 0 ? ERR_reason_error_string(number) : nullptr;
  return {Code::internal, std::string(what) + ": " + (why != nullptr ? why : "OpenSSL refused")};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Bio over(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

Key key_from(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(over(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return key;
}

std::string text_of_key(EVP_PKEY* key) {
  const Bio text(BIO_new(BIO_s_mem()));
  return PEM_write_bio_PKCS8PrivateKey(text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1 ? text_of(text.get()) : std::string();
}

Names general_names(const std::vector<std::string>& wanted) {
  Names names(GENERAL_NAMES_new());
  for (const std::string& name : wanted)
    if (!add_name(names.get(), name)) return nullptr;
  return names;
}

Status check_names(const CertificateWish& wish) {
  if (wish.common_name.empty() || wish.common_name.size() > longest_common_name)
    return Error{Code::invalid_argument, "common name \"" + wish.common_name + "\": give 1 to 64 characters"};
  for (const std::string& name : wish.names) {
    const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*:_") == std::string::npos;
    if (name.empty() || !plain) return Error{Code::invalid_argument, "\"" + name + "\" is neither a DNS name nor an address"};
  }
  return {};
}

}  // namespace neonvm::runtime::x509
