#include "cli/file_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace neonvm::cli {
namespace {

namespace fs = std::filesystem;

Error store_error(const std::string& path, int number) {
  return Error{number == ENOSPC ? Code::out_of_capacity : Code::permission_denied, path + ": " + std::strerror(number)};
}

Status make_private(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return store_error(folder, errno);
}

Status write_private(const std::string& path, std::string_view bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return store_error(path, errno);
  Status wrong;
  while (wrong && !bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) wrong = store_error(path, errno);
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fsync(fd) != 0 && wrong) wrong = store_error(path, errno);
  ::close(fd);
  return wrong;
}

wire::FileBundle read_stored(const fs::path& folder) {
  wire::FileBundle bundle;
  std::error_code failed;
  for (fs::directory_iterator entry(folder / "..data", failed), end; !failed && entry != end; entry.increment(failed)) {
    std::ifstream file(entry->path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    bundle.push_back({entry->path().filename().string(), 0400, text.str()});
  }
  return bundle;
}

std::string fresh_name(const fs::path& folder) {
  for (int number = 0;; ++number) {
    std::string name = ".." + std::to_string(::getpid()) + "-" + std::to_string(number);
    std::error_code failed;
    if (!fs::exists(folder / name, failed)) return name;
  }
}

Status switch_to(const fs::path& folder, const std::string& generation) {
  const fs::path fresh = folder / (generation + ".link");
  if (::symlink(generation.c_str(), fresh.c_str()) != 0 || std::rename(fresh.c_str(), (folder / "..data").c_str()) != 0) {
    return store_error(folder.string(), errno);
  }
  return {};
}

void remove_older(const fs::path& folder, const std::string& generation) {
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;  // what stays takes room and is never read
    if (name != generation && name != "..data") fs::remove_all(entry->path(), ignored);
  }
}

}  // namespace

std::string files_folder(const Config& config, FileKind kind) {
  return config.home + (kind == FileKind::secret ? "/secrets" : "/configs");
}

Status check_files_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 253 && name.front() != '.' && name.find("..") == std::string::npos &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
                    });
  if (good) return {};
  return Error{Code::invalid_argument, "\"" + name + "\" is no name for files; use a to z, 0 to 9, '-' and '.', at most 253"};
}

Result<std::string> FileStore::put(const std::string& name, const wire::FileBundle& files) const {
  if (auto good = check_files_name(name); !good) return good.error();
  if (auto good = wire::check_bundle(files); !good) return good.error();
  const fs::path folder = folder_ + "/" + name;
  std::error_code failed;
  const fs::path home = fs::path(folder_).parent_path();
  fs::create_directories(home.parent_path(), failed);
  for (const std::string& each : {home.string(), folder_, folder.string()}) {
    if (auto made = make_private(each); !made) return made.error();
  }
  const bool there = fs::is_directory(folder / "..data", failed);
  if (there && wire::encode(read_stored(folder)) == wire::encode(files)) return std::string("unchanged");
  const std::string generation = fresh_name(folder);
  if (auto made = make_private((folder / generation).string()); !made) return made.error();
  for (const wire::BundledFile& file : files) {
    if (auto written = write_private((folder / generation / file.path).string(), file.bytes); !written) {
      fs::remove_all(folder / generation, failed);
      return written.error();
    }
  }
  if (auto switched = switch_to(folder, generation); !switched) return switched.error();
  remove_older(folder, generation);
  return std::string(there ? "changed" : "created");
}

Result<std::vector<StoredFiles>> FileStore::list() const {
  std::vector<StoredFiles> all;
  std::error_code failed;
  for (fs::directory_iterator entry(folder_, failed), end; !failed && entry != end; entry.increment(failed)) {
    StoredFiles stored{entry->path().filename().string(), {}, 0};
    for (const wire::BundledFile& file : read_stored(entry->path())) {
      stored.keys.push_back(file.path);
      stored.bytes += file.bytes.size();
    }
    std::sort(stored.keys.begin(), stored.keys.end());
    all.push_back(std::move(stored));
  }
  if (failed && failed.value() != ENOENT) return store_error(folder_, failed.value());
  std::sort(all.begin(), all.end(), [](const StoredFiles& a, const StoredFiles& b) { return a.name < b.name; });
  return all;
}

Status FileStore::remove(const std::string& name) const {
  if (auto good = check_files_name(name); !good) return good;
  const fs::path folder = folder_ + "/" + name;
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return Error{Code::not_found, "there is no \"" + name + "\"; see: list"};
  // Out of sight in one step: a half is never seen.
  const fs::path gone = folder_ + "/..gone-" + std::to_string(::getpid());
  fs::rename(folder, gone, failed);
  if (failed) return store_error(folder.string(), failed.value());
  fs::remove_all(gone, failed);
  return {};
}

}  // namespace neonvm::cli
