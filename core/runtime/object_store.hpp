// object_store: what it takes to write to S3 and Azure Blob Storage: digests, signatures, gzip, and where a URL leads.
//
// Signing is a function of its arguments (time passed in), after AWS Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API
// request") and Azure Storage's "Authorize with Shared Key" (learn.microsoft.com). Any thread. Not in a guest: it has no OpenSSL and no
// resolver. Messages of errors never hold a key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::runtime {

std::string sha256(std::string_view bytes);                             // 32 bytes
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // likewise
std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
Result<std::string> unbase64(std::string_view text);
// One member, no name, no time: equal bytes give equal bytes.
Result<std::string> gzip(std::string_view bytes);

struct Url {
  bool tls = false;
  std::string host;                        // a name or a numeric address, without brackets
  std::uint16_t port = 0;
  std::string path;                        // without query, not ending in '/'; may be empty
  [[nodiscard]] std::string authority() const;  // HOST, or HOST:PORT where it is not the scheme's own
};
Result<Url> parse_url(std::string_view text);
// By the system's resolver, whose patience is its own.
Result<Endpoint> resolve(const Url& url);
// RFC 3986: all but letters, digits and -._~ as %XX; keep: these as well.
std::string percent_encoded(std::string_view text, std::string_view keep = "");

struct AwsCredentials {
  std::string access_key, secret_key, session_token;  // the last may be empty
};
// Adds x-amz-date, x-amz-content-sha256 if `hash_header`, x-amz-security-token and authorization. REQUIRES a host header; target: a path
// that is encoded already, and a query.
void sign_aws(HttpRequest& request, const AwsCredentials& credentials, const std::string& region, const std::string& service, WallTime now,
              bool hash_header = true);

// Adds x-ms-date and authorization; REQUIRES content-length and x-ms-version among the headers. key: base64, as the portal shows it.
Status sign_azure(HttpRequest& request, const std::string& account, const std::string& key, WallTime now);

}  // namespace neonvm::runtime
