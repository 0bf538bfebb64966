#include "core/runtime/certificate_request.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "core/runtime/x509.hpp"

namespace neonvm::runtime {

using namespace x509;

namespace {

using Request = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

struct FreeExtensions {
  void operator()(X509_EXTENSIONS* all) const { sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free); }
};

bool ask_for_names(X509_REQ* request, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  const Names names = general_names(wanted);
  const std::unique_ptr<X509_EXTENSIONS, FreeExtensions> extensions(sk_X509_EXTENSION_new_null());
  X509_EXTENSION* extension = names ? X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()) : nullptr;
  if (extension == nullptr) return false;
  if (!extensions || sk_X509_EXTENSION_push(extensions.get(), extension) <= 0) {
    X509_EXTENSION_free(extension);
    return false;
  }
  return X509_REQ_add_extensions(request, extensions.get()) == 1;
}

}  // namespace

Result<std::string> make_key() {
  const Key key(EVP_EC_gen("P-256"));
  std::string text = key ? text_of_key(key.get()) : std::string();
  if (text.empty()) return refused("making a key");
  return text;
}

Result<std::string> certificate_request(const std::string& key, const CertificateWish& wish) {
  if (const Status good = check_names(wish); !good) return good.error();
  const Key own = key_from(key);
  if (!own) return Error{Code::invalid_argument, "the key cannot be read"};
  const Request request(X509_REQ_new());
  const auto* name = reinterpret_cast<const unsigned char*>(wish.common_name.data());
  const bool good = request && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
                    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8, name,
                                               static_cast<int>(wish.common_name.size()), -1, 0) == 1 &&
                    X509_REQ_set_pubkey(request.get(), own.get()) == 1 && ask_for_names(request.get(), wish.names) &&
                    X509_REQ_sign(request.get(), own.get(), EVP_sha256()) > 0;
  const Bio text(BIO_new(BIO_s_mem()));
  if (!good || PEM_write_bio_X509_REQ(text.get(), request.get()) != 1) return refused("making a request for a certificate");
  return text_of(text.get());
}

}  // namespace neonvm::runtime
