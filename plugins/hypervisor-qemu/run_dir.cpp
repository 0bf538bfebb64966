#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>

#include "plugins/hypervisor-qemu/launcher.hpp"

namespace neonvm::qemu {

namespace {
Error failed(const std::string& path, int error) {
  const Code code = error == ENOENT   ? Code::not_found
                    : error == ENOSPC ? Code::out_of_capacity
                    : error == EACCES ? Code::permission_denied
                                      : Code::internal;
  return Error{code, path + ": " + std::strerror(error)};
}

// Locks of an open file description: they go with the descriptor through fork and exec, and end with its last copy.
struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// "2024-05-01T10:00:00.123456Z qemu-system-x86_64: text" -> "text"
std::string without_stamp(const std::string& line) {
  static const std::regex stamp(R"(^(\d{4}-\d\d-\d\dT[0-9:.]+Z )?(qemu-system-\S+: )?)");
  return std::regex_replace(line, stamp, "", std::regex_constants::format_first_only);
}
}  // namespace

RunDir::RunDir(const std::string& folder)
    : lock(folder + "/lock"),
      holder(folder + "/holder.lock"),
      monitor(folder + "/monitor.sock"),
      oob_monitor(folder + "/monitor-oob.sock"),
      log(folder + "/qemu.log"),
      migration(folder + "/migration.sock") {}

Result<UniqueFd> take_lock(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return failed(path, errno);
  struct flock whole = whole_file();
  if (::fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return file;
  if (errno == EAGAIN || errno == EACCES) return Error{Code::already_exists, path + " is held by another process"};
  return failed(path, errno);
}

Result<std::optional<ProcessId>> lock_holder(const std::string& lock) {
  UniqueFd file(::open(lock.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return std::optional<ProcessId>();
  if (!file) return failed(lock, errno);
  struct flock whole = whole_file();
  // Only asks: a try to take it could make another's start fail.
  if (::fcntl(file.get(), F_OFD_GETLK, &whole) != 0) return failed(lock, errno);
  if (whole.l_type == F_UNLCK) return std::optional<ProcessId>();
  char text[64] = {};
  const ssize_t n = ::pread(file.get(), text, sizeof text - 1, 0);
  std::istringstream numbers(n > 0 ? text : "");
  ProcessId id;
  if (!(numbers >> id.pid >> id.start_time)) {
    return Error{Code::unavailable, lock + ": a QEMU is just being started here"};
  }
  return std::optional(id);
}

std::uint64_t file_size(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

std::string last_words(const std::string& log, std::uint64_t from) {
  constexpr std::uint64_t most = 2000;
  const std::uint64_t size = file_size(log);
  std::ifstream file(log);
  file.seekg(static_cast<std::streamoff>(std::max(from, size > most ? size - most : 0)));
  std::string words, line;
  while (std::getline(file, line)) {
    line = without_stamp(line);
    // Told at every end by a signal or by QMP; it explains nothing.
    if (line.empty() || line.starts_with("terminating on signal")) continue;
    words += (words.empty() ? "" : "; ") + line;
  }
  return words;
}

}  // namespace neonvm::qemu
