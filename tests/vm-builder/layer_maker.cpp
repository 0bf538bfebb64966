#include "tests/vm-builder/layer_maker.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <stdexcept>

namespace neonvm::builder {
namespace {

la_ssize_t append(archive*, void* to, const void* data, std::size_t size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

void set_type(archive_entry* entry, const Member& member) {
  switch (member.type) {
    case 'd': return archive_entry_set_filetype(entry, AE_IFDIR);
    case 'c': return archive_entry_set_filetype(entry, AE_IFCHR);
    case 'b': return archive_entry_set_filetype(entry, AE_IFBLK);
    case 'p': return archive_entry_set_filetype(entry, AE_IFIFO);
    case 'l':
      archive_entry_set_filetype(entry, AE_IFLNK);
      return archive_entry_set_symlink(entry, member.text.c_str());
    case 'h':
      archive_entry_set_filetype(entry, AE_IFREG);
      return archive_entry_set_hardlink(entry, member.text.c_str());
    default: archive_entry_set_filetype(entry, AE_IFREG);
  }
}

}  // namespace

LayerMaker::LayerMaker(const std::string& filter) : archive_(archive_write_new()) {
  ::setlocale(LC_CTYPE, "C.UTF-8");
  archive_write_set_format_pax_restricted(archive_);
  if (!filter.empty()) archive_write_add_filter_by_name(archive_, filter.c_str());
  archive_write_set_bytes_in_last_block(archive_, 1);
  archive_write_open(archive_, &bytes_, nullptr, &append, nullptr);
}

LayerMaker::~LayerMaker() { archive_write_free(archive_); }

LayerMaker& LayerMaker::add(const Member& member) {
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, member.name.c_str());
  set_type(entry, member);
  const bool has_text = member.type == 'f';
  archive_entry_set_size(entry, has_text ? static_cast<la_int64_t>(member.text.size()) : 0);
  archive_entry_set_perm(entry, member.mode);
  archive_entry_set_uid(entry, member.uid);
  archive_entry_set_gid(entry, member.gid);
  archive_entry_set_mtime(entry, member.mtime, 0);
  archive_entry_set_rdevmajor(entry, member.major);
  archive_entry_set_rdevminor(entry, member.minor);
  for (const auto& [name, value] : member.xattrs) {
    archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
  }
  const int wrote = archive_write_header(archive_, entry);
  archive_entry_free(entry);
  if (wrote < ARCHIVE_WARN) throw std::runtime_error(archive_error_string(archive_));
  if (has_text && !member.text.empty()) archive_write_data(archive_, member.text.data(), member.text.size());
  return *this;
}

std::string LayerMaker::bytes() {
  archive_write_close(archive_);
  return bytes_;
}

}  // namespace neonvm::builder
