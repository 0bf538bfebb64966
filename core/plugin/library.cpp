#include "core/plugin/library.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace neonvm::plugin {
namespace {

Error from_errno(int error) {
  if (error == ENOENT || error == ENOTDIR) return {Code::not_found, "no such file"};
  return {error == EACCES ? Code::permission_denied : Code::unavailable, std::strerror(error)};
}

}  // namespace

Status check_plugin_file(const std::filesystem::path& path) {
  struct stat file{};
  if (::stat(path.c_str(), &file) != 0) return from_errno(errno);
  if (S_ISDIR(file.st_mode)) return Error{Code::invalid_argument, "is a directory, not a library"};
  if (!S_ISREG(file.st_mode)) return Error{Code::invalid_argument, "is not a regular file"};
  if ((file.st_mode & S_IWOTH) != 0) {
    return Error{Code::permission_denied, "everybody may write to it, so its code is not run; use chmod o-w"};
  }
  struct stat folder{};
  if (::stat(path.parent_path().c_str(), &folder) != 0) return from_errno(errno);
  // In a sticky folder like /tmp others cannot replace what is not theirs.
  if ((folder.st_mode & S_IWOTH) != 0 && (folder.st_mode & S_ISVTX) == 0) {
    return Error{Code::permission_denied, "everybody may replace it, for its folder is writable to all"};
  }
  return {};
}

}  // namespace neonvm::plugin
