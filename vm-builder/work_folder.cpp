#include "vm-builder/work_folder.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

namespace fs = std::filesystem;

void remove_orphans(const std::string& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    if (!entry.is_directory(error)) continue;
    const auto lock = lock_file(entry.path().string() + "/lock", false);
    if (lock && lock->valid()) fs::remove_all(entry.path(), error);
  }
}

}  // namespace

Result<UniqueFd> lock_file(const std::string& path, bool wait) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(in_quotes(path), errno);
  while (::flock(fd.get(), LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
    if (errno == EINTR) continue;
    if (!wait && errno == EWOULDBLOCK) return UniqueFd();
    return errno_error(in_quotes(path), errno);
  }
  return fd;
}

Result<WorkFolder> WorkFolder::in(const std::string& parent) {
  if (auto made = make_folders(parent); !made) return made.error();
  // Held while a folder is there and its own lock is not yet taken.
  auto gate = lock_file(parent + "/.lock");
  if (!gate) return gate.error();
  remove_orphans(parent);
  std::string path = parent + "/build-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return errno_error(in_quotes(parent), errno);
  auto lock = lock_file(path + "/lock");
  if (!lock) return lock.error();
  return WorkFolder(fs::absolute(path).string(), std::move(*lock));
}

WorkFolder::WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, "")), lock_(std::move(other.lock_)) {}

WorkFolder::~WorkFolder() {
  std::error_code error;
  if (!path_.empty()) fs::remove_all(path_, error);
}

}  // namespace neonvm::builder
