// Certificates of our own: an authority, what it signs, and a folder that keeps both fresh.
//
// For doors that have no certificate from elsewhere: webhooks that an API server calls, the links between our parts. Keys
// are EC P-256, texts are PEM, serial numbers are 127 random bits (RFC 5280 4.1.2.2). Names are checked by whoever
// connects, so each certificate carries them as subject alternative names. Any thread; nothing is cached.
//
// Failure: invalid_argument for names and texts that cannot be read, internal when OpenSSL refuses; messages never hold a key.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::runtime {

struct KeyPair {
  std::string key;                        // PKCS #8, not encrypted: for files of mode 0600 and Secrets
  std::string certificate;
};

struct CertificateWish {
  std::string common_name;                // at most 64 characters
  std::vector<std::string> names;         // DNS names, "*.example.org" allowed, and numeric addresses
  bool server = true, client = false;     // what it may be used for
  Duration lifetime = std::chrono::hours(24 * 90);
};

struct CertificateFacts {
  std::string common_name;
  std::vector<std::string> names;
  WallTime not_before{}, not_after{};
  bool authority = false;
};

// Valid from five minutes before `now`: the clocks of two machines differ.
Result<KeyPair> make_authority(const std::string& common_name, WallTime now, Duration lifetime);
Result<KeyPair> issue(const KeyPair& authority, const CertificateWish& wish, WallTime now);

// The first certificate of a PEM text.
Result<CertificateFacts> read_certificate(const std::string& pem);
// Whether `certificate` was signed by one of the authorities in `bundle`, whatever the time.
bool is_signed_by(const std::string& certificate, const std::string& bundle);
// Whether `key` is that of the first certificate in `certificate`.
bool belongs_to(const std::string& key, const std::string& certificate);
// At two thirds of its life, or when the clock says that it is not valid yet.
bool is_due(const CertificateFacts& facts, WallTime now);

// tls.crt, tls.key, ca.crt and ca.key in a folder: the names that cert-manager's Secrets have, so that such a Secret, mounted
// there, is used as it is. One writer a folder.
struct CertificateFolder {
  std::string path;
  CertificateWish wish;                   // of tls.crt
  Duration authority_lifetime = std::chrono::hours(24 * 365 * 5);

  // Makes what is missing, is due, or does not carry the wish's names. An authority that is replaced stays in ca.crt, behind the
  // new one, until it has expired, and so does what it signed until that is due itself: by then whoever trusts ca.crt has
  // fetched it again. Files are written whole or not at all, keys
  // with mode 0600. Returns true when something was written. A folder with a tls.crt and no ca.key is somebody else's: nothing
  // in it is touched.
  Result<bool> refresh(WallTime now) const;
  // Signs with this authority from now on, until it is due itself; the next refresh() does it. Files are written as refresh() does.
  [[nodiscard]] Status adopt(const KeyPair& authority) const;
  // When refresh() is next of use.
  [[nodiscard]] Result<WallTime> due() const;
};

}  // namespace neonvm::runtime
