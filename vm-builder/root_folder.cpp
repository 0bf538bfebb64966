#include "vm-builder/root_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

class FolderReader {
 public:
  // time: what every file gets, with root as its owner; without it all stays as it stands on the host.
  FolderReader(std::string top, std::optional<std::int64_t> time, Tree& tree, Spool& spool, Steps& steps)
      : top_(std::move(top)), time_(time), tree_(tree), spool_(spool), steps_(steps), buffer_(1 << 20) {}

  Status read(const std::string& path) {
    struct stat facts {};
    const std::string full = top_ + "/" + path;
    if (::lstat(full.c_str(), &facts) != 0) return errno_error(in_quotes(full), errno);
    if (S_ISSOCK(facts.st_mode)) return {};  // what runs makes its own
    if (!S_ISDIR(facts.st_mode) && facts.st_nlink > 1) {
      const auto [first, fresh] = links_.emplace(std::make_pair(facts.st_dev, facts.st_ino), path);
      if (!fresh) {
        sum_.add("link " + path + " " + first->second + "\n");
        return tree_.link(path, first->second);
      }
    }
    if (time_ && S_ISDIR(facts.st_mode)) {
      const Inode* there = tree_.find(path);
      if (there != nullptr && there->type == FileType::directory) return read_names(full, path);
    }
    auto inode = inode_of(facts, full, path);
    if (!inode) return inode.error();
    if (auto added = tree_.add(path, std::move(*inode)); !added) return added;
    return S_ISDIR(facts.st_mode) ? read_names(full, path) : Status{};
  }
  std::string digest() { return sum_.digest(); }

 private:
  Status read_names(const std::string& full, const std::string& path) {
    DIR* entries = ::opendir(full.c_str());
    if (entries == nullptr) return errno_error(in_quotes(full), errno);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(entries)) names.emplace_back(entry->d_name);
    ::closedir(entries);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name == "." || name == "..") continue;
      if (auto done = read(path == "." ? name : path + "/" + name); !done) return done;
    }
    return {};
  }

  Result<Inode> inode_of(const struct stat& facts, const std::string& full, const std::string& path) {
    Inode inode;
    inode.type = S_ISREG(facts.st_mode)   ? FileType::regular
                 : S_ISDIR(facts.st_mode) ? FileType::directory
                 : S_ISLNK(facts.st_mode) ? FileType::symlink
                 : S_ISCHR(facts.st_mode) ? FileType::char_device
                 : S_ISBLK(facts.st_mode) ? FileType::block_device
                                          : FileType::fifo;
    if (time_) {
      // As much of the mode as git keeps.
      inode.mode = S_ISDIR(facts.st_mode) || (facts.st_mode & 0100U) != 0 ? 0755 : 0644;
      inode.mtime = *time_;
    } else {
      inode.mode = facts.st_mode & 07777U;
      inode.uid = facts.st_uid;
      inode.gid = facts.st_gid;
      inode.mtime = facts.st_mtim.tv_sec;
      inode.mtime_ns = static_cast<std::uint32_t>(facts.st_mtim.tv_nsec);
    }
    inode.major = ::major(facts.st_rdev);
    inode.minor = ::minor(facts.st_rdev);
    sum_.add(std::to_string((facts.st_mode & S_IFMT) | inode.mode) + " " + std::to_string(inode.uid) + " " + std::to_string(inode.gid) + " " +
             std::to_string(inode.mtime) + " " + std::to_string(facts.st_rdev) + " " + path + "\n");
    if (inode.type == FileType::symlink) {
      inode.target.resize(4096);
      const ssize_t size = ::readlink(full.c_str(), inode.target.data(), inode.target.size());
      if (size < 0) return errno_error(in_quotes(full), errno);
      inode.target.resize(static_cast<std::size_t>(size));
      sum_.add(inode.target);
    }
    if (!time_) {
      if (auto read = read_xattrs(full, inode); !read) return read.error();
    }
    if (inode.type == FileType::regular) {
      if (auto read = read_contents(full, path, inode); !read) return read.error();
    }
    return inode;
  }

  Status read_xattrs(const std::string& full, Inode& inode) {
    std::string names(65536, '\0');
    const ssize_t size = ::llistxattr(full.c_str(), names.data(), names.size());
    if (size < 0) return errno == ENOTSUP ? Status{} : errno_error(in_quotes(full), errno);
    for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += std::strlen(&names[at]) + 1) {
      const char* name = &names[at];
      std::string value(65536, '\0');
      const ssize_t length = ::lgetxattr(full.c_str(), name, value.data(), value.size());
      if (length < 0) continue;  // not ours to see, like trusted.*
      value.resize(static_cast<std::size_t>(length));
      sum_.add(std::string(name) + "=" + value + "\n");
      inode.xattrs[name] = std::move(value);
    }
    return {};
  }

  Status read_contents(const std::string& full, const std::string& path, Inode& inode) {
    const UniqueFd fd(::open(full.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return errno_error(in_quotes(full), errno);
    inode.data = spool_.size();
    for (;;) {
      const ssize_t got = ::read(fd.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_error(in_quotes(full), errno);
      if (got == 0) return {};
      const auto size = static_cast<std::uint64_t>(got);
      if (auto taken = tree_.take_bytes(path, size); !taken) return taken;
      if (auto put = spool_.append({buffer_.data(), size}); !put) return put;
      sum_.add(buffer_.data(), size);
      inode.size += size;
      steps_.advance(size);
    }
  }

  std::string top_;
  std::optional<std::int64_t> time_;
  Tree& tree_;
  Spool& spool_;
  Steps& steps_;
  std::vector<char> buffer_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  Sha256 sum_;
};

}  // namespace

Result<std::string> read_folder(const std::string& folder, Tree& tree, Spool& spool, Steps& steps) {
  tree.begin_layer(in_quotes(folder));
  FolderReader reader(folder, std::nullopt, tree, spool, steps);
  if (auto read = reader.read("."); !read) return read.error();
  return reader.digest();
}

Result<std::string> add_folder(const std::string& folder, std::int64_t time, Tree& tree, Spool& spool, Steps& steps) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) return Error{Code::not_found, in_quotes(folder) + " is no folder"};
  tree.begin_layer(in_quotes(folder));
  FolderReader reader(folder, time, tree, spool, steps);
  if (auto read = reader.read("."); !read) return read.error();
  return reader.digest();
}

}  // namespace neonvm::builder
