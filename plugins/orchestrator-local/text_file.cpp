#include "plugins/orchestrator-local/text_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "plugins/orchestrator-local/unique_fd.hpp"

namespace neonvm::local {
namespace {

constexpr std::size_t largest_file = 1 << 20;

Code code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR: return Code::not_found;
    case EEXIST: return Code::already_exists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::permission_denied;
    case ENAMETOOLONG: return Code::invalid_argument;
    default: return Code::unavailable;
  }
}

Status write_all(int fd, const std::string& text, const std::string& path) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write", path, errno);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

Error system_error(const std::string& what, const std::string& path, int number) {
  return Error{code_of(number), what + " " + path + ": " + std::generic_category().message(number)};
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("cannot read", path, errno);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot read", path, errno);
    if (text.size() > largest_file) return system_error("cannot read", path, EFBIG);
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

Status write_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return system_error("cannot write", fresh, errno);
  if (auto written = write_all(fd.get(), text, fresh); !written) {
    ::unlink(fresh.c_str());
    return written;
  }
  fd.reset();
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error("cannot write", path, errno);
  return {};
}

Status make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return system_error("cannot make directory", part, errno);
    if (end == std::string::npos) break;
  }
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return system_error("cannot use directory", path, errno);
  if (!S_ISDIR(found.st_mode)) return system_error("cannot use directory", path, ENOTDIR);
  return {};
}

}  // namespace neonvm::local
