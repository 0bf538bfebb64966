#include <sys/stat.h>

#include "core/runtime/log.hpp"
#include "core/runtime/tls.hpp"

namespace neonvm::runtime {

std::string TlsServerFiles::fingerprint() const {
  std::string text;
  for (const std::string& path : {files_.certificate, files_.key, files_.ca}) {
    struct stat file {};
    if (path.empty() || stat(path.c_str(), &file) != 0) continue;
    text += std::to_string(file.st_ino) + ' ' + std::to_string(file.st_mtim.tv_sec) + '.' +
            std::to_string(file.st_mtim.tv_nsec) + ' ' + std::to_string(file.st_size) + ';';
  }
  return text;
}

Result<std::shared_ptr<const TlsContext>> TlsServerFiles::context() {
  std::string now = fingerprint();
  if (context_ && now == seen_) return context_;
  Result<std::shared_ptr<const TlsContext>> made = tls_server(files_);
  // A key that is not yet beside its new certificate: each caller tries again, and the log says it once a change.
  if (!made.ok() && !context_) return made;
  if (made.ok()) context_ = std::move(*made);
  else if (now != seen_) log_error("runtime", "new TLS files are not good", {{"why", made.error().message}});
  seen_ = std::move(now);
  return context_;
}

}  // namespace neonvm::runtime
