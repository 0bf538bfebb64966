#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "core/runtime/address.hpp"
#include "core/runtime/certificates.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::runtime {
namespace {

constexpr std::size_t most_authorities = 4;  // that have not expired; more come only from a clock that jumps

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return file ? text.str() : std::string();
}

Error failed(const std::string& path) {
  const int number = errno;
  return {Code::unavailable, path + ": " + errno_text(number)};
}

Status write_whole(const std::string& path, const std::string& text, mode_t mode) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());
  const UniqueFd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (file.get() < 0) return failed(draft);
  const bool written = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0;
  if (written && ::rename(draft.c_str(), path.c_str()) == 0) return {};
  const Error error = failed(path);
  ::unlink(draft.c_str());
  return error;
}

// The certificates of a bundle, one text each.
std::vector<std::string> split(const std::string& bundle) {
  constexpr std::string_view end_line = "-----END CERTIFICATE-----";
  std::vector<std::string> found;
  for (std::size_t from = 0;;) {
    const std::size_t end = bundle.find(end_line, from);
    if (end == std::string::npos) return found;
    found.push_back(bundle.substr(from, end + end_line.size() - from) + "\n");
    from = std::min(bundle.size(), end + end_line.size() + 1);
  }
}

std::string with_predecessors(const std::string& fresh, const std::string& before, WallTime now) {
  std::string bundle = fresh;
  std::size_t count = 1;
  for (const std::string& old : split(before)) {
    const auto facts = read_certificate(old);
    if (!facts || facts->not_after <= now || count == most_authorities) continue;
    bundle += old;
    ++count;
  }
  return bundle;
}

struct Files {
  std::string ca, ca_key, certificate, key;

  explicit Files(const std::string& path)
      : ca(path + "/ca.crt"), ca_key(path + "/ca.key"), certificate(path + "/tls.crt"), key(path + "/tls.key") {}
};

bool has_names(const CertificateFacts& facts, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&facts](const std::string& name) {
    return std::find(facts.names.begin(), facts.names.end(), name) != facts.names.end();
  });
}

bool is_good_authority(const KeyPair& authority, WallTime now) {
  const auto facts = read_certificate(authority.certificate);
  return facts && facts->authority && !is_due(*facts, now) && belongs_to(authority.key, authority.certificate);
}

bool is_somebody_elses(const Files& files) {
  return ::access(files.certificate.c_str(), F_OK) == 0 && ::access(files.ca_key.c_str(), F_OK) != 0;
}

}  // namespace

Result<bool> CertificateFolder::refresh(WallTime now) const {
  const Files files(path);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(path);
  if (is_somebody_elses(files)) return false;
  const std::string bundle = content_of(files.ca);
  KeyPair authority{content_of(files.ca_key), bundle};
  bool wrote = false;
  if (!is_good_authority(authority, now)) {
    auto made = make_authority("neonvm", now, authority_lifetime);
    if (!made) return made.error();
    authority = std::move(*made);
    // The bundle first: who trusts it must know the new authority before anything is signed by it.
    if (auto kept = write_whole(files.ca, with_predecessors(authority.certificate, bundle, now), 0644); !kept) return kept.error();
    if (auto kept = write_whole(files.ca_key, authority.key, 0600); !kept) return kept.error();
    wrote = true;
  }
  const std::string certificate = content_of(files.certificate);
  const auto facts = read_certificate(certificate);
  // By an authority of the bundle, not only by the newest: whoever fetched the bundle before that one was made trusts it not yet.
  const bool good = facts && !is_due(*facts, now) && has_names(*facts, wish.names) &&
                    is_signed_by(certificate, content_of(files.ca)) && belongs_to(content_of(files.key), certificate);
  if (good) return wrote;
  auto made = issue(authority, wish, now);
  if (!made) return made.error();
  if (auto kept = write_whole(files.key, made->key, 0600); !kept) return kept.error();
  if (auto kept = write_whole(files.certificate, made->certificate, 0644); !kept) return kept.error();
  return true;
}

Status CertificateFolder::adopt(const KeyPair& authority) const {
  const Files files(path);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(path);
  if (is_somebody_elses(files) || content_of(files.ca).starts_with(authority.certificate)) return {};
  if (auto kept = write_whole(files.ca, authority.certificate, 0644); !kept) return kept;
  return write_whole(files.ca_key, authority.key, 0600);
}

Result<WallTime> CertificateFolder::due() const {
  const auto certificate = read_certificate(content_of(path + "/tls.crt"));
  if (!certificate) return certificate.error().at(path + "/tls.crt");
  const auto when = [](const CertificateFacts& facts) { return facts.not_before + (facts.not_after - facts.not_before) * 2 / 3; };
  const auto authority = read_certificate(content_of(path + "/ca.crt"));
  return authority ? std::min(when(*certificate), when(*authority)) : when(*certificate);
}

}  // namespace neonvm::runtime
