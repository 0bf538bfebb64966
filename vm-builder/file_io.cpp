#include "vm-builder/file_io.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {

Error errno_error(std::string_view what, int error) {
  Code code = Code::refused;
  if (error == ENOSPC || error == EDQUOT) code = Code::out_of_capacity;
  if (error == ENOENT || error == ENOTDIR) code = Code::not_found;
  if (error == EACCES || error == EPERM) code = Code::permission_denied;
  return Error{code, std::string(what) + ": " + std::strerror(error)};
}

Result<UniqueFd> open_to_read(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(in_quotes(path), errno);
  return fd;
}

Result<std::string> read_file(const std::string& path, std::size_t most) {
  auto fd = open_to_read(path);
  if (!fd) return fd.error();
  std::string text;
  char block[65536];
  for (;;) {
    const ssize_t got = ::read(fd->get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(in_quotes(path), errno);
    if (got == 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > most) {
      return Error{Code::invalid_argument, in_quotes(path) + ": is larger than " + std::to_string(most) + " bytes"};
    }
  }
}

Status write_all(int fd, const void* data, std::size_t size, std::uint64_t offset, std::string_view path) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::pwrite(fd, from, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return errno_error(in_quotes(path), put < 0 ? errno : ENOSPC);
    from += put;
    size -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status write_file(const std::string& path, std::string_view text, bool sync) {
  const std::string fresh = path + ".new-" + std::to_string(::getpid());
  Status written;
  {
    const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd.valid()) return errno_error(in_quotes(path), errno);
    written = write_all(fd.get(), text.data(), text.size(), 0, path);
    if (written && sync && ::fsync(fd.get()) != 0) written = errno_error(in_quotes(path), errno);
  }
  if (written && std::rename(fresh.c_str(), path.c_str()) != 0) written = errno_error(in_quotes(path), errno);
  if (!written) ::unlink(fresh.c_str());
  return written;
}

Status make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return errno_error(in_quotes(path), error.value());
  return {};
}

}  // namespace neonvm::builder
