#include "guest/file_text.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace neonvm::guest {

Error errno_error(std::string_view what, int number) {
  Code code = Code::internal;
  if (number == ENOENT || number == ENODEV || number == ENXIO) code = Code::not_found;
  if (number == EACCES || number == EPERM) code = Code::permission_denied;
  if (number == EBUSY || number == EAGAIN) code = Code::unavailable;
  if (number == EINVAL || number == EISDIR || number == ENOTDIR) code = Code::invalid_argument;
  if (number == ENOSPC) code = Code::out_of_capacity;
  return Error{code, std::string(what) + ": " + std::strerror(number)};
}

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<std::string> read_text(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(path, errno);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

Status write_text(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(path, errno);
  ssize_t put = -1;
  do {
    put = ::write(fd.get(), text.data(), text.size());
  } while (put < 0 && errno == EINTR);
  if (put < 0) return errno_error(path, errno);
  if (static_cast<std::size_t>(put) != text.size()) return Error{Code::internal, path + ": short write"};
  return {};
}

}  // namespace neonvm::guest
