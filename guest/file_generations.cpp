#include "guest/file_generations.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "guest/file_text.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* present = "..data";
constexpr const char* made_of = "..checksum";  // a name that no bundled file can have
constexpr std::size_t checksum_size = 32;

std::string first_part(const std::string& path) { return path.substr(0, path.find('/')); }

bool is_checksum(const std::string& text) {
  return text.size() == checksum_size && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Status write_bundled(const std::string& generation, const wire::BundledFile& file, FileOwner owner) {
  const std::string path = generation + "/" + file.path;
  for (std::size_t slash = path.find('/', generation.size() + 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) return errno_error(file.path, errno);
  }
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400));
  if (!fd.valid()) return errno_error(file.path, errno);
  std::string_view rest = file.bytes;
  while (!rest.empty()) {
    const ssize_t put = ::write(fd.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error(file.path, errno);
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fchown(fd.get(), owner.uid, owner.gid) != 0 || ::fchmod(fd.get(), file.mode) != 0) return errno_error(file.path, errno);
  return {};
}

// A link at a free or used name, in one step.
Status link_to(const std::string& folder, const std::string& name, const std::string& target) {
  const std::string fresh = folder + "/..link", goal = folder + "/" + name;
  ::unlink(fresh.c_str());
  if (::symlink(target.c_str(), fresh.c_str()) != 0 || std::rename(fresh.c_str(), goal.c_str()) != 0) return errno_error(name, errno);
  return {};
}

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  DIR* entries = ::opendir(folder.c_str());
  if (entries == nullptr) return names;
  while (const dirent* entry = ::readdir(entries)) names.insert(entry->d_name);
  ::closedir(entries);
  names.erase(".");
  names.erase("..");
  return names;
}

std::string fresh_generation(const std::string& folder) {
  const auto names = names_in(folder);
  for (int number = 0;; ++number) {
    std::string name = ".." + std::to_string(number);
    if (!names.contains(name)) return name;
  }
}

void remove_whole(const std::string& path) {
  std::error_code ignored;  // what stays is tried again with the next generation
  std::filesystem::remove_all(path, ignored);
}

// What an earlier generation had and this one has not.
void remove_others(const std::string& folder, const std::string& generation, const std::set<std::string>& wanted) {
  for (const std::string& name : names_in(folder)) {
    if (name == present || name == generation || wanted.contains(name)) continue;
    remove_whole(folder + "/" + name);
  }
}

}  // namespace

std::string generation_in(const std::string& folder) {
  const auto checksum = read_text(folder + "/" + present + "/" + made_of);
  return checksum && is_checksum(*checksum) ? *checksum : "";
}

Status place_generation(const std::string& folder, const wire::FileBundle& bundle, const std::string& checksum, FileOwner owner) {
  if (!is_checksum(checksum)) return Error{Code::invalid_argument, "the checksum is none"};
  const std::string generation = fresh_generation(folder), path = folder + "/" + generation;
  if (::mkdir(path.c_str(), 0755) != 0) return errno_error(folder, errno);
  std::set<std::string> wanted;
  Status written = write_bundled(path, {made_of, 0400, checksum}, FileOwner{::geteuid(), ::getegid()});
  for (const wire::BundledFile& file : bundle) {
    wanted.insert(first_part(file.path));
    if (written) written = write_bundled(path, file, owner);
  }
  if (!written) {
    remove_whole(path);
    return written;
  }
  if (auto linked = link_to(folder, present, generation); !linked) {
    remove_whole(path);
    return linked;
  }
  for (const std::string& name : wanted) {
    if (auto linked = link_to(folder, name, std::string(present) + "/" + name); !linked) return linked;
  }
  remove_others(folder, generation, wanted);
  return {};
}

}  // namespace neonvm::guest
