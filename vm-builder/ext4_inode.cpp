#include "vm-builder/ext4_inode.hpp"

#include <ext2fs/ext3_extents.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace neonvm::builder {
namespace {

constexpr std::size_t checksum_tail = 12;
constexpr std::size_t short_link = 60;
constexpr std::uint32_t most_links = 65000;  // a directory with more says 1 (dir_nlink)

std::uint16_t type_bits(FileType type) {
  switch (type) {
    case FileType::regular: return S_IFREG;
    case FileType::directory: return S_IFDIR;
    case FileType::symlink: return S_IFLNK;
    case FileType::char_device: return S_IFCHR;
    case FileType::block_device: return S_IFBLK;
    case FileType::fifo: return S_IFIFO;
  }
  return 0;
}

std::uint8_t entry_type(FileType type) {
  switch (type) {
    case FileType::regular: return EXT2_FT_REG_FILE;
    case FileType::directory: return EXT2_FT_DIR;
    case FileType::symlink: return EXT2_FT_SYMLINK;
    case FileType::char_device: return EXT2_FT_CHRDEV;
    case FileType::block_device: return EXT2_FT_BLKDEV;
    case FileType::fifo: return EXT2_FT_FIFO;
  }
  return EXT2_FT_UNKNOWN;
}

// 34 bits of seconds, 30 of nanoseconds.
struct Time {
  std::uint32_t low, extra;
};
Time time_of(std::int64_t seconds, std::uint32_t nanoseconds) {
  const std::int64_t held = std::clamp<std::int64_t>(seconds, INT32_MIN, (std::int64_t{1} << 34U) - (std::int64_t{1} << 31U) - 1);
  const auto low = static_cast<std::int32_t>(held);
  const auto epoch = static_cast<std::uint32_t>((held - low) >> 32U) & 3U;
  return {static_cast<std::uint32_t>(low), epoch | (nanoseconds << 2U)};
}

void put_device(ext2_inode_large& into, const Inode& inode) {
  if (inode.major < 256 && inode.minor < 256) {
    into.i_block[0] = inode.major << 8U | inode.minor;
  } else {
    into.i_block[1] = (inode.minor & 0xffU) | (inode.major << 8U) | ((inode.minor & ~0xffU) << 12U);
  }
}

class BlockWriter {
 public:
  void add(std::string_view name, std::uint32_t inode, std::uint8_t type) {
    const std::size_t size = (8 + name.size() + 3) / 4 * 4;
    if (blocks_.empty() || at_ + size > ext4_block - checksum_tail) begin();
    ext2_dir_entry_2 entry{};
    entry.inode = inode;
    entry.rec_len = static_cast<std::uint16_t>(size);
    entry.name_len = static_cast<std::uint8_t>(name.size());
    entry.file_type = type;
    std::memcpy(&blocks_.back()[at_], &entry, 8);
    std::memcpy(&blocks_.back()[at_ + 8], name.data(), name.size());
    last_ = at_;
    at_ += size;
  }
  std::vector<std::string> take() {
    close();
    return std::move(blocks_);
  }

 private:
  void begin() {
    if (!blocks_.empty()) close();
    blocks_.emplace_back(ext4_block, '\0');
    at_ = last_ = 0;
  }
  // The last entry reaches to the checksum, which libext2fs fills in.
  void close() {
    const auto rest = static_cast<std::uint16_t>(ext4_block - checksum_tail - last_);
    std::memcpy(&blocks_.back()[last_ + 4], &rest, sizeof rest);
    ext2_dir_entry_tail tail{};
    tail.det_rec_len = checksum_tail;
    tail.det_reserved_name_len = EXT2_DIR_NAME_LEN_CSUM;
    std::memcpy(&blocks_.back()[ext4_block - checksum_tail], &tail, sizeof tail);
  }

  std::vector<std::string> blocks_;
  std::size_t at_ = 0, last_ = 0;
};

}  // namespace

ext2_inode_large ext4_inode_of(const Inode& inode, std::uint32_t links, std::int64_t created) {
  ext2_inode_large into{};
  into.i_mode = static_cast<std::uint16_t>(type_bits(inode.type) | inode.mode);
  into.i_uid = static_cast<std::uint16_t>(inode.uid);
  into.osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(inode.uid >> 16U);
  into.i_gid = static_cast<std::uint16_t>(inode.gid);
  into.osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(inode.gid >> 16U);
  const bool too_many = inode.type == FileType::directory && links >= most_links;
  into.i_links_count = static_cast<std::uint16_t>(too_many ? 1 : links);
  const Time modified = time_of(inode.mtime, inode.mtime_ns), made = time_of(created, 0);
  into.i_atime = into.i_ctime = into.i_mtime = modified.low;
  into.i_atime_extra = into.i_ctime_extra = into.i_mtime_extra = modified.extra;
  into.i_crtime = made.low;
  into.i_crtime_extra = made.extra;
  into.i_extra_isize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
  const std::uint64_t size = inode.type == FileType::symlink ? inode.target.size() : inode.type == FileType::regular ? inode.size : 0;
  into.i_size = static_cast<std::uint32_t>(size);
  into.i_size_high = static_cast<std::uint32_t>(size >> 32U);
  if (inode.type == FileType::char_device || inode.type == FileType::block_device) put_device(into, inode);
  if (inode.type == FileType::symlink && size < short_link) std::memcpy(into.i_block, inode.target.data(), size);
  return into;
}

void put_block_count(ext2_inode_large& into, std::uint64_t blocks) {
  const std::uint64_t sectors = blocks * (ext4_block / 512);
  into.i_blocks = static_cast<std::uint32_t>(sectors);
  into.osd2.linux2.l_i_blocks_hi = static_cast<std::uint16_t>(sectors >> 32U);
}

void put_ranges(ext2_inode_large& into, const std::vector<Ext4Range>& ranges) {
  ext3_extent_header header{};
  header.eh_magic = EXT3_EXT_MAGIC;
  header.eh_max = 4;
  header.eh_entries = static_cast<std::uint16_t>(ranges.size());
  std::memcpy(into.i_block, &header, sizeof header);
  std::uint32_t logical = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ext3_extent extent{};
    extent.ee_block = logical;
    extent.ee_len = static_cast<std::uint16_t>(ranges[i].count);
    extent.ee_start = static_cast<std::uint32_t>(ranges[i].block);
    extent.ee_start_hi = static_cast<std::uint16_t>(ranges[i].block >> 32U);
    std::memcpy(reinterpret_cast<char*>(into.i_block) + sizeof header + i * sizeof extent, &extent, sizeof extent);
    logical += ranges[i].count;
  }
  into.i_flags |= EXT4_EXTENTS_FL;
  put_block_count(into, logical);
}

std::vector<std::string> directory_blocks(std::uint32_t self, std::uint32_t parent, const std::vector<DirectoryEntry>& entries) {
  BlockWriter writer;
  writer.add(".", self, EXT2_FT_DIR);
  writer.add("..", parent, EXT2_FT_DIR);
  for (const DirectoryEntry& entry : entries) writer.add(*entry.name, entry.inode, entry_type(entry.type));
  return writer.take();
}

}  // namespace neonvm::builder
