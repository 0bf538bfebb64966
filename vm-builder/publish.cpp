#include "vm-builder/publish.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

// Data only, so that holes stay holes.
Status copy_data(int from, int to, const std::string& path) {
  struct stat facts {};
  if (::fstat(from, &facts) != 0 || ::ftruncate(to, facts.st_size) != 0) return errno_error(in_quotes(path), errno);
  off_t at = 0;
  while (at < facts.st_size) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0) return errno == ENXIO ? Status{} : errno_error(in_quotes(path), errno);
    off_t end = ::lseek(from, data, SEEK_HOLE);
    if (end < 0) end = facts.st_size;
    off_t in = data, out = data;
    while (in < end) {
      const ssize_t done = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - in), 0);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return errno_error(in_quotes(path), done < 0 ? errno : EIO);
    }
    at = end;
  }
  return {};
}

// A file gets its name when all is in it; the name is one of ours first, because a link cannot replace.
Status name_it(int fd, const std::string& to) {
  const std::string fresh = to + ".new-" + std::to_string(::getpid());
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  ::unlink(fresh.c_str());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, fresh.c_str(), AT_SYMLINK_FOLLOW) != 0) return errno_error(in_quotes(to), errno);
  if (std::rename(fresh.c_str(), to.c_str()) == 0) return {};
  const int why = errno;
  ::unlink(fresh.c_str());
  return errno_error(in_quotes(to), why);
}

Status copy_and_name(int from, const std::string& to, bool sync) {
  std::string folder = std::filesystem::path(to).parent_path().string();
  if (folder.empty()) folder = ".";
  const UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error(in_quotes(folder), errno);
  if (auto copied = copy_data(from, fd.get(), to); !copied) return copied;
  if (sync && ::fsync(fd.get()) != 0) return errno_error(in_quotes(to), errno);
  return name_it(fd.get(), to);
}

}  // namespace

Status publish_file(const std::string& from, const std::string& to, bool keep, bool sync) {
  auto fd = open_to_read(from);
  if (!fd) return fd.error();
  if (!keep) {
    if (sync && ::fsync(fd->get()) != 0) return errno_error(in_quotes(from), errno);
    if (std::rename(from.c_str(), to.c_str()) == 0) return {};
    if (errno != EXDEV) return errno_error(in_quotes(to), errno);
  }
  auto copied = copy_and_name(fd->get(), to, sync);
  if (copied && !keep) ::unlink(from.c_str());
  return copied;
}

}  // namespace neonvm::builder
