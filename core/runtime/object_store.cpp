#include "core/runtime/object_store.hpp"

#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <utility>
#include <vector>

namespace neonvm::runtime {
namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string time_text(WallTime now, const char* format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

// Blanks at the ends go, those inside become one.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// "b=2&a" sorted, each with its '='.
std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> all;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(one.find('='), one.size());
    if (!one.empty()) all.emplace_back(one.substr(0, equals), equals < one.size() ? one.substr(equals + 1) : "");
  }
  std::sort(all.begin(), all.end());
  std::string out;
  for (const auto& [name, value] : all) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::pair<std::string, std::string> path_and_query(const std::string& target) {
  const auto mark = target.find('?');
  if (mark == std::string::npos) return {target.empty() ? "/" : target, ""};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

}  // namespace

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  ::EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, ::EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Result<std::string> unbase64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int size = text.size() % 4 != 0 ? -1 : ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
  if (size < 0) return Error{Code::invalid_argument, "is not base64"};
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

Result<std::string> gzip(std::string_view bytes) {
  z_stream stream{};
  constexpr int with_gzip_header = 15 + 16, memory_level = 8;
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, with_gzip_header, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    return Error{Code::internal, "gzip: no memory"};
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = const_cast<Bytef*>(bytes_of(bytes));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int done = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (done != Z_STREAM_END) return Error{Code::internal, "gzip: it does not end"};
  return out;
}

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

Result<Url> parse_url(std::string_view text) {
  const Error wrong{Code::invalid_argument, "\"" + std::string(text.substr(0, 80)) + "\" is no URL: give http://HOST[:PORT][/PATH] or https://…, without a query"};
  Url url;
  if (text.starts_with("https://")) url.tls = true;
  else if (!text.starts_with("http://")) return wrong;
  text.remove_prefix(url.tls ? 8 : 7);
  const auto slash = std::min(text.find('/'), text.size());
  std::string_view place = text.substr(0, slash);
  url.path = text.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  url.port = url.tls ? 443 : 80;
  const auto close = place.starts_with('[') ? place.find(']') : 0;
  if (close == std::string_view::npos) return wrong;
  if (const auto colon = place.find(':', close); colon != std::string_view::npos) {
    const std::string_view digits = place.substr(colon + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || url.port == 0) return wrong;
    place = place.substr(0, colon);
  }
  if (place.starts_with('[')) place = place.substr(1, place.size() - 2);
  url.host = place;
  const auto odd = [](char c) { return c <= ' ' || c > '~' || c == '?' || c == '#' || c == '@' || c == '"' || c == '\\'; };
  if (url.host.empty() || std::any_of(url.host.begin(), url.host.end(), odd) || std::any_of(url.path.begin(), url.path.end(), odd)) return wrong;
  return url;
}

Result<Endpoint> resolve(const Url& url) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(url.host.c_str(), nullptr, &wanted, &found); failed != 0)
    return Error{Code::unavailable, url.host + ": " + ::gai_strerror(failed)};
  std::array<char, NI_MAXHOST> text{};
  const int spelled = ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  ::freeaddrinfo(found);
  if (spelled != 0) return Error{Code::unavailable, url.host + ": " + ::gai_strerror(spelled)};
  return Endpoint{url.tls ? Endpoint::Scheme::tls : Endpoint::Scheme::tcp, text.data(), url.port};
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += "0123456789ABCDEF"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

void sign_aws(HttpRequest& request, const AwsCredentials& credentials, const std::string& region, const std::string& service, WallTime now,
              bool hash_header) {
  const std::string stamp = time_text(now, "%Y%m%dT%H%M%SZ"), day = time_text(now, "%Y%m%d"), payload = hex(sha256(request.body));
  request.headers["x-amz-date"] = stamp;
  if (hash_header) request.headers["x-amz-content-sha256"] = payload;
  if (!credentials.session_token.empty()) request.headers["x-amz-security-token"] = credentials.session_token;
  std::string headers, names;
  for (const auto& [name, value] : request.headers) {
    headers += name + ":" + trimmed(value) + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const auto [path, query] = path_and_query(request.target);
  const std::string canonical = request.method + "\n" + path + "\n" + canonical_query(query) + "\n" + headers + "\n" + names + "\n" + payload;
  const std::string scope = day + "/" + region + "/" + service + "/aws4_request";
  const std::string to_sign = "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex(sha256(canonical));
  std::string key = hmac_sha256("AWS4" + credentials.secret_key, day);
  for (const std::string& part : {region, service, std::string("aws4_request")}) key = hmac_sha256(key, part);
  request.headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" + credentials.access_key + "/" + scope + ", SignedHeaders=" + names +
                                     ", Signature=" + hex(hmac_sha256(key, to_sign));
}

Status sign_azure(HttpRequest& request, const std::string& account, const std::string& key, WallTime now) {
  const auto secret = unbase64(key);
  if (!secret) return Error{Code::invalid_argument, "the account's key " + secret.error().message};
  request.headers["x-ms-date"] = time_text(now, "%a, %d %b %Y %H:%M:%S GMT");
  const auto value = [&request](const char* name) {
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? std::string() : found->second;
  };
  std::string text = request.method + "\n";
  for (const char* name : {"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
                           "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"})
    text += (std::string(name) == "content-length" && value(name) == "0" ? "" : value(name)) + "\n";
  for (const auto& [name, content] : request.headers)
    if (name.starts_with("x-ms-")) text += name + ":" + trimmed(content) + "\n";
  const auto [path, query] = path_and_query(request.target);
  text += "/" + account + path;
  std::string parameters = canonical_query(query);
  if (!parameters.empty()) {
    std::replace(parameters.begin(), parameters.end(), '&', '\n');
    std::replace(parameters.begin(), parameters.end(), '=', ':');
    text += "\n" + parameters;
  }
  request.headers["authorization"] = "SharedKey " + account + ":" + base64(hmac_sha256(*secret, text));
  return {};
}

}  // namespace neonvm::runtime
