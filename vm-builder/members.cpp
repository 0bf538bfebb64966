#include "vm-builder/members.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "vm-builder/archive_input.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t most_members = 20'000;
constexpr std::size_t largest_document = std::size_t{16} << 20U;

std::string plain(const std::string& name) {
  std::string path = std::filesystem::path(name).lexically_normal().string();
  while (path.starts_with("./")) path.erase(0, 2);
  return path;
}

Error broken(const std::string& tar, archive* from) {
  const char* why = archive_error_string(from);
  return Error{Code::invalid_argument, in_quotes(tar) + ": is no tar that can be read: " + (why == nullptr ? "unknown" : why)};
}

Status copy_out(archive* from, const std::string& tar, const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return errno_error(in_quotes(path), errno);
  for (;;) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int got = archive_read_data_block(from, &block, &size, &offset);
    if (got == ARCHIVE_EOF) return {};
    if (got < ARCHIVE_OK) return broken(tar, from);
    if (auto put = write_all(fd.get(), block, size, static_cast<std::uint64_t>(offset), path); !put) return put;
  }
}

// Where a link inside the tar leads; older `docker save` writes a layer that comes twice as one.
std::string link_target(archive_entry* entry, const std::string& name) {
  if (const char* hard = archive_entry_hardlink(entry)) return plain(hard);
  const char* soft = archive_entry_symlink(entry);
  if (soft == nullptr) return "";
  return plain((std::filesystem::path(name).parent_path() / soft).string());
}

}  // namespace

Members Members::of_folder(const std::string& folder, const std::string& origin) {
  Members members;
  members.folder_ = folder;
  members.origin_ = origin.empty() ? folder : origin;
  return members;
}

Result<Members> Members::of_tar(const std::string& tar, const std::string& work, Steps& steps) {
  Members members;
  members.origin_ = tar;
  ArchiveInput input(tar, steps);
  if (auto opened = input.open(); !opened) return opened.error();
  std::map<std::string, std::string> links;
  archive_entry* entry = nullptr;
  for (int got = 0; (got = archive_read_next_header(input.get(), &entry)) != ARCHIVE_EOF;) {
    const char* raw = got < ARCHIVE_WARN ? nullptr : archive_entry_pathname(entry);
    if (raw == nullptr) return input.fault() ? *input.fault() : broken(tar, input.get());
    const std::string name = plain(raw);
    if (members.paths_.size() + links.size() >= most_members) {
      return Error{Code::invalid_argument, in_quotes(tar) + ": has more than " + std::to_string(most_members) + " members"};
    }
    if (const std::string target = link_target(entry, name); !target.empty()) {
      links[name] = target;
    } else if (archive_entry_filetype(entry) == AE_IFREG) {
      const std::string path = work + "/" + std::to_string(members.paths_.size());
      if (!members.paths_.emplace(name, path).second) {
        return Error{Code::invalid_argument, in_quotes(tar) + ": " + in_quotes(name) + " stands in it twice"};
      }
      if (auto copied = copy_out(input.get(), tar, path); !copied) return copied.error();
    }
  }
  for (const auto& [name, target] : links) {
    if (members.paths_.contains(target)) members.paths_.emplace(name, members.paths_[target]);
  }
  return members;
}

bool Members::has(const std::string& name) const { return path(name).ok(); }

Result<std::string> Members::path(const std::string& name) const {
  const Error missing{Code::not_found, in_quotes(origin_) + ": has no " + in_quotes(name)};
  if (folder_.empty()) {
    const auto found = paths_.find(name);
    return found == paths_.end() ? Result<std::string>(missing) : found->second;
  }
  if (name.empty() || name.front() == '/' || name.find("..") != std::string::npos) return missing;
  std::string path = folder_ + "/" + name;
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return missing;
  if (!S_ISREG(facts.st_mode)) return Error{Code::invalid_argument, in_quotes(path) + ": is no plain file"};
  return path;
}

Result<std::string> Members::text(const std::string& name) const {
  auto where = path(name);
  if (!where) return where.error();
  auto text = read_file(*where, largest_document);
  if (!text) return text.error().at(in_quotes(origin_) + ": " + in_quotes(name));
  return text;
}

Result<std::vector<std::string>> first_names(const std::string& tar, std::size_t most) {
  SilentSteps steps;
  ArchiveInput input(tar, steps);
  if (auto opened = input.open(); !opened) return opened.error().at(in_quotes(tar));
  std::vector<std::string> names;
  archive_entry* entry = nullptr;
  while (names.size() < most) {
    const int got = archive_read_next_header(input.get(), &entry);
    if (got == ARCHIVE_EOF) break;
    if (input.fault()) return *input.fault();
    const char* name = got < ARCHIVE_WARN ? nullptr : archive_entry_pathname(entry);
    if (name == nullptr) return broken(tar, input.get());
    names.push_back(plain(name));
  }
  return names;
}

}  // namespace neonvm::builder
