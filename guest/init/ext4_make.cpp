#include "guest/init/ext4_make.hpp"

extern "C" {
#include <et/com_err.h>  // says nothing of C++
}
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "guest/file_text.hpp"
#include "guest/init/project_quota.hpp"

namespace neonvm::guest {
namespace {

constexpr std::size_t beginning_size = 1 << 20, sector = 512;
constexpr std::string_view half_made = "neonvm: an ext4 is being made here\n";
constexpr std::uint64_t block_size = 4096, bytes_per_inode = 16384;
constexpr std::uint32_t inherit_project = 0x20000000;  // EXT4_PROJINHERIT_FL: df shows the limit
constexpr int lazy_journal = 0x4;                      // EXT2_MKJOURNAL_LAZYINIT

struct FreeFs {
  void operator()(struct_ext2_filsys* fs) const { ext2fs_free(fs); }
};
using FsPtr = std::unique_ptr<struct_ext2_filsys, FreeFs>;

Error ext4_error(const std::string& device, errcode_t wrong) {
  return Error{Code::refused, "making an ext4 on " + device + ": " + error_message(wrong)};
}

// mke2fs(8): the journal by the number of blocks.
unsigned journal_blocks(std::uint64_t bytes) {
  constexpr std::uint64_t mebibyte = 1 << 20;
  if (bytes < 64 * mebibyte) return 1024;
  if (bytes < 512 * mebibyte) return 2048;
  if (bytes < 1024 * mebibyte) return 4096;
  return bytes < 2048 * mebibyte ? 8192 : 16384;
}

void choose_features(struct ext2_super_block& super, const Ext4Wish& wish) {
  ext2fs_set_feature_xattr(&super);
  ext2fs_set_feature_dir_index(&super);
  ext2fs_set_feature_filetype(&super);
  ext2fs_set_feature_extents(&super);
  ext2fs_set_feature_64bit(&super);
  ext2fs_set_feature_flex_bg(&super);
  ext2fs_set_feature_sparse_super(&super);
  ext2fs_set_feature_large_file(&super);
  ext2fs_set_feature_huge_file(&super);
  ext2fs_set_feature_dir_nlink(&super);
  ext2fs_set_feature_extra_isize(&super);
  ext2fs_set_feature_metadata_csum(&super);
  if (!wish.quotas) return;
  ext2fs_set_feature_project(&super);
  ext2fs_set_feature_quota(&super);
}

errcode_t lay_out(const std::string& device, const Ext4Wish& wish, FsPtr& fs) {
  struct ext2_super_block super {};
  const std::uint64_t blocks = wish.bytes / block_size;
  ext2fs_blocks_count_set(&super, blocks);
  super.s_log_block_size = 2;
  super.s_rev_level = EXT2_DYNAMIC_REV;
  super.s_inode_size = 256;
  super.s_min_extra_isize = super.s_want_extra_isize = 32;
  super.s_log_groups_per_flex = 4;
  super.s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
  super.s_inodes_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(std::max<std::uint64_t>(wish.bytes / bytes_per_inode, 256), 1U << 31));
  choose_features(super, wish);
  ext2_filsys made = nullptr;
  if (const errcode_t wrong = ext2fs_initialize(device.c_str(), EXT2_FLAG_64BITS, &super, unix_io_manager, &made)) return wrong;
  fs.reset(made);
  struct ext2_super_block& own = *made->super;
  std::array<std::uint8_t, 32> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) return errno;
  std::memcpy(own.s_uuid, random.data(), 16);
  std::memcpy(own.s_hash_seed, random.data() + 16, 16);
  own.s_uuid[6] = static_cast<std::uint8_t>((own.s_uuid[6] & 0x0f) | 0x40);
  own.s_uuid[8] = static_cast<std::uint8_t>((own.s_uuid[8] & 0x3f) | 0x80);
  own.s_def_hash_version = EXT2_HASH_HALF_MD4;
  own.s_max_mnt_count = -1;
  own.s_checksum_type = EXT2_CRC32C_CHKSUM;
  made->flags &= ~EXT2_FLAG_MASTER_SB_ONLY;
  ext2fs_init_csum_seed(made);
  return ext2fs_allocate_tables(made);
}

// The disk is zero, and so are its inode tables: nobody needs to make them so.
void mark_tables_zero(ext2_filsys fs) {
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
    ext2fs_group_desc_csum_set(fs, group);
  }
}

errcode_t make_folders(ext2_filsys fs, bool quotas) {
  fs->umask = 0;
  if (const errcode_t wrong = ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, nullptr)) return wrong;
  struct ext2_inode root {};
  if (const errcode_t wrong = ext2fs_read_inode(fs, EXT2_ROOT_INO, &root)) return wrong;
  root.i_mode = LINUX_S_IFDIR | 0777;  // whoever the workload runs as; it may make that stricter
  if (quotas) root.i_flags |= inherit_project;
  if (const errcode_t wrong = ext2fs_write_inode(fs, EXT2_ROOT_INO, &root)) return wrong;
  fs->umask = 077;
  if (const errcode_t wrong = ext2fs_mkdir(fs, EXT2_ROOT_INO, 0, "lost+found")) return wrong;
  for (ext2_ino_t inode = EXT2_ROOT_INO + 1; inode < EXT2_FIRST_INODE(fs->super); ++inode) ext2fs_inode_alloc_stats2(fs, inode, +1, 0);
  ext2fs_inode_alloc_stats2(fs, EXT2_BAD_INO, +1, 0);
  return ext2fs_update_bb_inode(fs, nullptr);
}

errcode_t fill(ext2_filsys fs, const Ext4Wish& wish) {
  mark_tables_zero(fs);
  if (const errcode_t wrong = make_folders(fs, wish.quotas)) return wrong;
  ext2fs_set_feature_journal(fs->super);
  const errcode_t journal = ext2fs_add_journal_inode2(fs, static_cast<blk_t>(journal_blocks(wish.bytes)), ~0ULL, lazy_journal);
  if (journal != 0) return journal;
  return wish.quotas ? add_project_quota(fs) : 0;
}

Status write_mark(const std::string& device, std::string_view mark) {
  std::array<char, sector> bytes{};
  std::copy(mark.begin(), mark.end(), bytes.begin());
  const Fd fd(::open(device.c_str(), O_WRONLY | O_CLOEXEC));
  const bool written = fd.valid() && ::pwrite(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  if (!written || ::fsync(fd.get()) != 0) return errno_error(device, errno);
  return {};
}

}  // namespace

bool is_blank(std::string_view beginning) {
  if (beginning.starts_with(half_made)) return true;
  return std::all_of(beginning.begin(), beginning.end(), [](char c) { return c == 0; });
}

Result<bool> is_blank_disk(const std::string& device) {
  std::string bytes(beginning_size, '\0');
  const Fd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd.valid() ? ::pread(fd.get(), bytes.data(), bytes.size(), 0) : -1;
  if (got < 0) return errno_error(device, errno);
  bytes.resize(static_cast<std::size_t>(got));
  return is_blank(bytes);
}

Status make_ext4(const std::string& device, const Ext4Wish& wish) {
  initialize_ext2_error_table();
  if (auto marked = write_mark(device, half_made); !marked) return marked;
  FsPtr fs;
  if (const errcode_t wrong = lay_out(device, wish, fs)) return ext4_error(device, wrong);
  if (const errcode_t wrong = fill(fs.get(), wish)) return ext4_error(device, wrong);
  if (const errcode_t wrong = ext2fs_close(fs.release())) return ext4_error(device, wrong);
  return write_mark(device, "");
}

}  // namespace neonvm::guest
