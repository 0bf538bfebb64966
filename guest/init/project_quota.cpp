#include "guest/init/project_quota.hpp"

extern "C" {
#include <et/com_err.h>  // says nothing of C++
}
#include <ext2fs/ext2fs.h>

#include <string>

namespace neonvm::guest {
namespace {

// fs/quota/quotaio_v2.h and quota_tree.c: blocks of 1 KiB; the first is the header, then a tree of four levels whose leaf
// holds 72 bytes an entry.
constexpr std::uint32_t project_magic = 0xd9c03f14, version = 1, week = 7 * 24 * 3600;
constexpr std::size_t quota_block = 1024, leaf = 5, used_blocks = leaf + 1, leaf_head = 16;

void put(std::string& text, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) text[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

std::string quota_text(std::uint64_t space, std::uint64_t inodes) {
  std::string text(used_blocks * quota_block, '\0');
  put(text, 0, project_magic, 4);
  put(text, 4, version, 4);
  put(text, 8, week, 4);             // of grace, blocks
  put(text, 12, week, 4);            // ... inodes
  put(text, 20, used_blocks, 4);
  put(text, 28, leaf, 4);            // the block with room for further entries
  for (std::size_t level = 1; level < leaf; ++level) put(text, level * quota_block, level + 1, 4);  // project 0: the first branch of each
  const std::size_t head = leaf * quota_block, entry = head + leaf_head;
  put(text, head + 8, 1, 2);         // entries in it
  // id, inode limits, inodes, block limits, space, grace times: only what is used is not zero
  put(text, entry + 24, inodes, 8);
  put(text, entry + 48, space, 8);
  // An entry of nothing but zeros would be a free one; that of project 0 has what is used.
  return text;
}

}  // namespace

long add_project_quota(struct_ext2_filsys* fs) {
  const std::string text = quota_text(2ULL * fs->blocksize, 2);
  ext2_ino_t number = 0;
  if (const errcode_t wrong = ext2fs_new_inode(fs, EXT2_ROOT_INO, LINUX_S_IFREG | 0600, nullptr, &number)) return wrong;
  struct ext2_inode inode {};
  inode.i_mode = LINUX_S_IFREG | 0600;
  inode.i_links_count = 1;
  inode.i_flags = EXT4_EXTENTS_FL;
  ext2fs_inode_alloc_stats2(fs, number, +1, 0);
  if (const errcode_t wrong = ext2fs_write_new_inode(fs, number, &inode)) return wrong;
  ext2_file_t file = nullptr;
  if (const errcode_t wrong = ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &file)) return wrong;
  unsigned written = 0;
  const errcode_t wrote = ext2fs_file_write(file, text.data(), static_cast<unsigned>(text.size()), &written);
  const errcode_t closed = ext2fs_file_close(file);
  if (wrote != 0 || closed != 0) return wrote != 0 ? wrote : closed;
  fs->super->s_prj_quota_inum = number;
  ext2fs_mark_super_dirty(fs);
  return 0;
}

}  // namespace neonvm::guest
