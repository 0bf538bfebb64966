#include "vm-builder/tar_layer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "vm-builder/archive_input.hpp"
#include "vm-builder/digest.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::string_view whiteout = ".wh.";
constexpr std::string_view opaque = ".wh..wh..opq";
constexpr std::string_view aufs_own = ".wh..wh.";  // what aufs kept for itself
constexpr std::size_t most_xattr_bytes = 60'000;   // what an ext4 block of attributes can never hold is an attack or a mistake

class LayerReader {
 public:
  LayerReader(archive* from, const TarFile& file, Tree& tree, Spool& spool)
      : from_(from), file_(file), tree_(tree), spool_(spool) {}

  Status read() {
    for (;;) {
      archive_entry* entry = nullptr;
      const int got = archive_read_next_header(from_, &entry);
      if (got == ARCHIVE_EOF) return {};
      const char* name = got == ARCHIVE_OK || got == ARCHIVE_WARN ? archive_entry_pathname(entry) : nullptr;
      if (name == nullptr) return broken(last_);
      last_ = name;
      if (got == ARCHIVE_WARN && archive_entry_size(entry) < 0) return broken(last_);
      if (auto taken = take(entry, last_); !taken) return taken;
    }
  }

 private:
  Error broken(const std::string& after) const {
    const char* why = archive_error_string(from_);
    return Error{Code::invalid_argument, file_.name + ": " + (after.empty() ? "" : "after " + in_quotes(after) + ": ") +
                                             "is no tar that can be read: " + (why == nullptr ? "unknown" : why)};
  }

  Status take(archive_entry* entry, const std::string& path) {
    if (file_.whiteouts) {
      const std::size_t slash = path.find_last_not_of('/') == std::string::npos ? std::string::npos : path.rfind('/');
      const std::string_view base = std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1);
      const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
      if (base == opaque) return tree_.hide_lower(folder.empty() ? "." : folder);
      if (base.starts_with(aufs_own)) return {};
      if (base == whiteout) return tree_.fault(path, "is a whiteout of nothing");
      if (base.starts_with(whiteout)) return tree_.remove_lower(folder + std::string(base.substr(whiteout.size())));
    }
    if (const char* target = archive_entry_hardlink(entry)) return tree_.link(path, target);
    auto inode = inode_of(entry, path);
    if (!inode) return inode.error();
    if (inode->type == FileType::regular) {
      if (auto read = read_contents(entry, path, *inode); !read) return read;
    }
    return tree_.add(path, std::move(*inode));
  }

  Result<FileType> type_of(archive_entry* entry, const std::string& path) const {
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG: return FileType::regular;
      case AE_IFDIR: return FileType::directory;
      case AE_IFLNK: return FileType::symlink;
      case AE_IFCHR: return FileType::char_device;
      case AE_IFBLK: return FileType::block_device;
      case AE_IFIFO: return FileType::fifo;
      default: return tree_.fault(path, "is of a kind that an image cannot hold");
    }
  }

  Result<Inode> inode_of(archive_entry* entry, const std::string& path) const {
    Inode inode;
    auto type = type_of(entry, path);
    if (!type) return type.error();
    inode.type = *type;
    inode.mode = static_cast<std::uint32_t>(archive_entry_perm(entry)) & 07777U;
    const std::int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    if (uid < 0 || gid < 0 || uid > 0xfffffffeLL || gid > 0xfffffffeLL) {
      return tree_.fault(path, "has an owner that is none: " + std::to_string(uid) + ":" + std::to_string(gid));
    }
    inode.uid = static_cast<std::uint32_t>(uid);
    inode.gid = static_cast<std::uint32_t>(gid);
    inode.mtime = archive_entry_mtime(entry);
    inode.mtime_ns = static_cast<std::uint32_t>(std::clamp<long>(archive_entry_mtime_nsec(entry), 0, 999'999'999));
    inode.major = static_cast<std::uint32_t>(archive_entry_rdevmajor(entry));
    inode.minor = static_cast<std::uint32_t>(archive_entry_rdevminor(entry));
    if (inode.major > 0xfff || inode.minor > 0xfffff) return tree_.fault(path, "has a device number out of range");
    if (inode.type == FileType::symlink) {
      const char* target = archive_entry_symlink(entry);
      inode.target = target == nullptr ? "" : target;
      if (inode.target.empty() || inode.target.size() > 4095) {
        return tree_.fault(path, "is a symbolic link to nothing, or to more than 4095 bytes");
      }
    }
    if (auto read = read_xattrs(entry, path, inode); !read) return read.error();
    return inode;
  }

  Status read_xattrs(archive_entry* entry, const std::string& path, Inode& inode) const {
    std::size_t total = 0;
    archive_entry_xattr_reset(entry);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
      if (name == nullptr) return tree_.fault(path, "has an extended attribute without a name");
      total += size + std::string_view(name).size();
      if (total > most_xattr_bytes) return tree_.fault(path, "has more than 60000 bytes of extended attributes");
      inode.xattrs[name] = std::string(static_cast<const char*>(value), size);
    }
    return {};
  }

  Status read_contents(archive_entry* entry, const std::string& path, Inode& inode) {
    const std::int64_t size = archive_entry_size(entry);
    if (size < 0) return tree_.fault(path, "has no size");
    if (auto taken = tree_.take_bytes(path, static_cast<std::uint64_t>(size)); !taken) return taken;
    inode.data = spool_.size();
    inode.size = static_cast<std::uint64_t>(size);
    std::uint64_t written = 0;
    for (;;) {
      const void* block = nullptr;
      std::size_t length = 0;
      la_int64_t offset = 0;
      const int got = archive_read_data_block(from_, &block, &length, &offset);
      if (got == ARCHIVE_EOF) break;
      if (got < ARCHIVE_OK) return broken(path);
      const auto at = static_cast<std::uint64_t>(offset);
      if (offset < 0 || at < written || at + length > inode.size) return tree_.fault(path, "holds more than its size");
      if (auto filled = fill(at - written); !filled) return filled;
      if (auto put = spool_.append({static_cast<const char*>(block), length}); !put) return put;
      written = at + length;
    }
    return fill(inode.size - written);
  }

  // The holes of a sparse file.
  Status fill(std::uint64_t bytes) {
    static const std::string zeros(65536, '\0');
    for (; bytes > 0; bytes -= std::min<std::uint64_t>(bytes, zeros.size())) {
      auto put = spool_.append(std::string_view(zeros).substr(0, std::min<std::uint64_t>(bytes, zeros.size())));
      if (!put) return put;
    }
    return {};
  }

  archive* from_;
  const TarFile& file_;
  Tree& tree_;
  Spool& spool_;
  std::string last_;
};

}  // namespace

Status read_tar(const TarFile& file, Tree& tree, Spool& spool, Steps& steps, std::string* digest) {
  ArchiveInput input(file.path, steps);
  auto opened = input.open();
  tree.begin_layer(file.name);
  const Status read = opened ? LayerReader(input.get(), file, tree, spool).read() : Status(opened.error().at(file.name));
  if (input.fault()) return input.fault()->at(file.name);
  if (!read && read.error().code == Code::out_of_capacity) return read;
  if (!file.digest.empty() || digest != nullptr) {
    auto found = input.digest_of_all();
    if (!found) return found.error().at(file.name);
    if (digest != nullptr) *digest = *found;
    if (!file.digest.empty() && *found != file.digest) {
      return Error{Code::invalid_argument, file.name + ": its digest is " + *found + ", but " + file.digest +
                                               " was promised: it is damaged or was tampered with"};
    }
  }
  return read;
}

Status read_tar_bytes(const std::string& name, std::string_view bytes, Tree& tree, Spool& spool) {
  const TarFile file{name, "", "", true};
  ArchiveInput input(bytes);
  auto opened = input.open();
  if (!opened) return opened.error().at(name);
  tree.begin_layer(name);
  return LayerReader(input.get(), file, tree, spool).read();
}

}  // namespace neonvm::builder
