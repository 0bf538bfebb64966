// Private to vm-builder: an inode of a tree in ext4's words, and blocks of directories (kernel: Documentation/filesystems/ext4).
#pragma once

#include <ext2fs/ext2_fs.h>

#include <cstdint>
#include <string>
#include <vector>

#include "vm-builder/tree.hpp"

namespace neonvm::builder {

struct Ext4Range {
  std::uint64_t block = 0;  // on the disk
  std::uint32_t count = 0;
};

constexpr std::uint32_t ext4_block = 4096;
constexpr std::uint32_t longest_range = 32768;  // an initialized extent

// Type, owner, times, links, device numbers, short links: all but what needs blocks.
ext2_inode_large ext4_inode_of(const Inode& inode, std::uint32_t links, std::int64_t created);
// At most four ranges fit into the inode itself. Sets the count of blocks, too.
void put_ranges(ext2_inode_large& into, const std::vector<Ext4Range>& ranges);
void put_block_count(ext2_inode_large& into, std::uint64_t blocks);

struct DirectoryEntry {
  const std::string* name;
  std::uint32_t inode;
  FileType type;
};
// Whole blocks, each with room for its checksum, "." and ".." first.
std::vector<std::string> directory_blocks(std::uint32_t self, std::uint32_t parent, const std::vector<DirectoryEntry>& entries);

}  // namespace neonvm::builder
