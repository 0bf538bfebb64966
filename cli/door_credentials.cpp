#include "cli/door_credentials.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <memory>
#include <utility>

#include "core/runtime/log.hpp"

namespace neonvm::cli {

namespace {

constexpr std::size_t shortest_token = 32;
// Clients in Go keep a silent connection for 90 s; whoever ends it first may meet a request, which then fails.
constexpr Duration longer_than_callers = std::chrono::seconds(120);

// A token in a file that is written anew when the token is.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  Status read() {
    struct stat file {};
    if (::stat(path_.c_str(), &file) != 0) file = {};
    read_ = mark_of(file);
    std::ifstream text(path_);
    std::string token;
    std::getline(text, token);
    if (token.size() < shortest_token) return Error{Code::invalid_argument, path_ + " is not there or shorter than 32 characters"};
    token_ = std::move(token);
    return {};
  }
  // A file that is gone, or has nothing of worth in it, changes nothing: whoever writes it may be in the middle.
  const std::string& now() {
    struct stat file {};
    if (::stat(path_.c_str(), &file) != 0 || mark_of(file) == read_) return token_;
    const std::string before = token_;
    if (Status again = read(); !again) runtime::log_warning("door", "the token stays what it was", {{"error", again.error().message}});
    else if (token_ != before) runtime::log_info("door", "the token has been renewed", {{"file", path_}});
    return token_;
  }

 private:
  using Mark = std::array<std::int64_t, 5>;
  static Mark mark_of(const struct stat& file) {
    return {static_cast<std::int64_t>(file.st_dev), static_cast<std::int64_t>(file.st_ino), static_cast<std::int64_t>(file.st_size),
            static_cast<std::int64_t>(file.st_mtim.tv_sec), static_cast<std::int64_t>(file.st_mtim.tv_nsec)};
  }

  const std::string path_;
  std::string token_;
  Mark read_{};
};

// In a time that tells nothing of where they differ.
bool same_secret(const std::string& given, const std::string& token) {
  unsigned char differs = given.size() == token.size() ? 0 : 1;
  for (std::size_t i = 0; i < token.size(); ++i) differs |= static_cast<unsigned char>(token[i] ^ (i < given.size() ? given[i] : '\0'));
  return differs == 0;
}

Result<runtime::TlsFiles> files_in(const std::string& folder) {
  for (const char* name : {"/tls.crt", "/tls.key", "/ca.crt"}) {
    if (::access((folder + name).c_str(), R_OK) != 0) return Error{Code::invalid_argument, folder + name + " cannot be read"};
  }
  return runtime::TlsFiles{folder + "/tls.crt", folder + "/tls.key", "", ""};
}

}  // namespace

Result<runtime::HttpServerOptions> token_door(const std::string& folder, std::function<bool(const runtime::HttpRequest&)> open,
                                              const std::string& other) {
  auto tls = files_in(folder);
  if (!tls) return tls.error();
  const auto file = std::make_shared<TokenFile>(folder + "/token");
  if (Status read = file->read(); !read) return read.error();
  runtime::HttpServerOptions options;
  options.idle_timeout = longer_than_callers;
  options.tls = std::move(*tls);
  options.authorize = [file, other, open = std::move(open)](const runtime::HttpRequest& request) {
    const std::string& token = file->now();
    const auto carries = [&request](const std::string& name, const std::string& value) {
      const auto given = request.headers.find(name);
      return given != request.headers.end() && same_secret(given->second, value);
    };
    return carries("authorization", "Bearer " + token) || (!other.empty() && carries(other, token)) || (open && open(request));
  };
  return options;
}

Result<runtime::HttpServerOptions> certificate_door(const std::string& folder, const std::string& client_name) {
  auto tls = files_in(folder);
  if (!tls) return tls.error();
  tls->ca = folder + "/ca.crt";
  tls->client_name = client_name;
  runtime::HttpServerOptions options;
  options.idle_timeout = longer_than_callers;
  options.tls = std::move(*tls);
  return options;
}

}  // namespace neonvm::cli
