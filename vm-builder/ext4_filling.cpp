#include "vm-builder/ext4_filling.hpp"

extern "C" {
#include <et/com_err.h>  // says nothing of C++
}
#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <vector>

#include "vm-builder/ext4_inode.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr ext2_ino_t lost_and_found = 11;
constexpr std::size_t inline_ranges = 4;
constexpr std::size_t copy_size = 1 << 20;

struct CloseFs {
  void operator()(struct_ext2_filsys* fs) const { ext2fs_free(fs); }
};

class Filling {
 public:
  Filling(const Numbering& files, Spool& spool, int fd, std::int64_t time, Steps& steps)
      : files_(files), spool_(spool), fd_(fd), time_(time), steps_(steps), numbers_(files.all().size()) {}

  Status run(const std::string& image) {
    ext2_filsys fs = nullptr;
    if (const errcode_t wrong = ext2fs_open(image.c_str(), EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 4096, unix_io_manager, &fs)) {
      return fault(image, wrong);
    }
    fs_.reset(fs);
    fs->now = static_cast<time_t>(std::max<std::int64_t>(time_, 1));
    if (const errcode_t wrong = ext2fs_read_bitmaps(fs)) return fault(image, wrong);
    if (auto numbered = give_numbers(); !numbered) return numbered;
    for (std::size_t i = 0; i < files_.all().size(); ++i) {
      if (auto put = put_inode(i); !put) return put;
    }
    // The image is not yet anybody's: whoever publishes it sees to it that it reaches the disk.
    fs = fs_.release();
    if (const errcode_t wrong = ext2fs_close2(fs, EXT2_FLAG_FLUSH_NO_SYNC)) return fault(image, wrong);
    return {};
  }

 private:
  static Error fault(const std::string& where, errcode_t wrong) {
    if (wrong > 0 && wrong < 200) return errno_error(in_quotes(where), static_cast<int>(wrong));
    const bool full = wrong == EXT2_ET_BLOCK_ALLOC_FAIL || wrong == EXT2_ET_INODE_ALLOC_FAIL;
    return Error{full ? Code::invalid_argument : Code::refused,
                 in_quotes(where) + ": " + (full ? "the disk is too small for it; give a larger size" : error_message(wrong))};
  }

  bool is_lost_and_found(const Numbered& each) const {
    return each.name != nullptr && each.parent == 0 && *each.name == "lost+found" && each.inode->type == FileType::directory;
  }

  // mke2fs has made the root and lost+found: the one is filled anew, the other only if the image has its own.
  Status give_numbers() {
    ext2_ino_t next = EXT2_FIRST_INODE(fs_->super) + 1;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const Numbered& each = files_.all()[i];
      if (is_lost_and_found(each)) own_lost_and_found_ = true;
      numbers_[i] = i == 0 ? EXT2_ROOT_INO : is_lost_and_found(each) ? lost_and_found : next++;
    }
    if (next - 1 > fs_->super->s_inodes_count) return fault(files_.path(numbers_.size() - 1), EXT2_ET_INODE_ALLOC_FAIL);
    for (const ext2_ino_t made : {ext2_ino_t{EXT2_ROOT_INO}, lost_and_found}) {
      if (made == lost_and_found && !own_lost_and_found_) continue;
      if (const errcode_t wrong = ext2fs_punch(fs_.get(), made, nullptr, nullptr, 0, ~0ULL)) return fault("/", wrong);
    }
    return {};
  }

  Status put_inode(std::size_t index) {
    const Numbered& each = files_.all()[index];
    const Inode& inode = *each.inode;
    const ext2_ino_t number = numbers_[index];
    const bool is_folder = inode.type == FileType::directory;
    const bool extra_link = index == 0 && !own_lost_and_found_;
    ext2_inode_large large = ext4_inode_of(inode, each.links + (extra_link ? 1U : 0U), time_);
    if (number > lost_and_found) ext2fs_inode_alloc_stats2(fs_.get(), number, 1, is_folder ? 1 : 0);
    Status put;
    if (is_folder) put = put_folder(index, large);
    if (inode.type == FileType::regular) put = put_data(index, large, inode.size);
    if (inode.type == FileType::symlink && inode.target.size() >= 60) put = put_long_link(index, large);
    if (!put) return put;
    if (inode.type != FileType::regular && !is_folder) {
      if (auto written = write(index, large); !written) return written;
    }
    return inode.xattrs.empty() ? Status{} : put_xattrs(index);
  }

  Status write(std::size_t index, ext2_inode_large& large) {
    auto* plain = reinterpret_cast<ext2_inode*>(&large);
    const errcode_t wrong = ext2fs_write_inode_full(fs_.get(), numbers_[index], plain, sizeof large);
    return wrong == 0 ? Status{} : fault(files_.path(index), wrong);
  }

  // One after another on the disk, around the tables of the block groups.
  Result<std::vector<Ext4Range>> take_blocks(std::size_t index, std::uint64_t count) {
    std::vector<Ext4Range> ranges;
    const std::uint64_t end = ext2fs_blocks_count(fs_->super);
    while (count > 0) {
      blk64_t first = 0, taken = 0;
      if (cursor_ >= end || ext2fs_find_first_zero_block_bitmap2(fs_->block_map, cursor_, end - 1, &first) != 0) {
        return fault(files_.path(index), EXT2_ET_BLOCK_ALLOC_FAIL);
      }
      const blk64_t most = std::min<blk64_t>({end, first + count, first + longest_range});
      if (ext2fs_find_first_set_block_bitmap2(fs_->block_map, first, most - 1, &taken) != 0) taken = most;
      ext2fs_block_alloc_stats_range(fs_.get(), first, static_cast<blk_t>(taken - first), 1);
      ranges.push_back({first, static_cast<std::uint32_t>(taken - first)});
      count -= taken - first;
      cursor_ = taken;
    }
    return ranges;
  }

  // Files of more than four ranges get a tree of extents.
  Status put_map(std::size_t index, ext2_inode_large& large, const std::vector<Ext4Range>& ranges) {
    if (ranges.size() <= inline_ranges) {
      put_ranges(large, ranges);
      return write(index, large);
    }
    large.i_flags |= EXT4_EXTENTS_FL;
    std::uint64_t logical = 0;
    for (const Ext4Range& range : ranges) logical += range.count;
    put_block_count(large, logical);
    if (auto written = write(index, large); !written) return written;
    ext2_extent_handle_t handle = nullptr;
    errcode_t wrong = ext2fs_extent_open2(fs_.get(), numbers_[index], reinterpret_cast<ext2_inode*>(&large), &handle);
    logical = 0;
    for (std::size_t i = 0; wrong == 0 && i < ranges.size(); ++i) {
      ext2fs_extent extent{};
      extent.e_pblk = ranges[i].block;
      extent.e_lblk = logical;
      extent.e_len = ranges[i].count;
      wrong = ext2fs_extent_insert(handle, EXT2_EXTENT_INSERT_AFTER, &extent);
      if (wrong == 0) wrong = ext2fs_extent_fix_parents(handle);
      logical += ranges[i].count;
    }
    if (handle != nullptr) ext2fs_extent_free(handle);
    if (wrong != 0) return fault(files_.path(index), wrong);
    return write(index, large);
  }

  Status put_data(std::size_t index, ext2_inode_large& large, std::uint64_t size) {
    auto ranges = take_blocks(index, (size + ext4_block - 1) / ext4_block);
    if (!ranges) return ranges.error();
    if (auto mapped = put_map(index, large, *ranges); !mapped) return mapped;
    std::uint64_t from = files_.all()[index].inode->data;
    for (const Ext4Range& range : *ranges) {
      const std::uint64_t bytes = std::min<std::uint64_t>(size, std::uint64_t{range.count} * ext4_block);
      if (auto copied = copy(from, bytes, range.block * ext4_block); !copied) return copied;
      from += bytes;
      size -= bytes;
    }
    return {};
  }

  Status copy(std::uint64_t from, std::uint64_t bytes, std::uint64_t to) {
    while (bytes > 0) {
      const std::size_t part = std::min<std::uint64_t>(bytes, copy_size);
      if (auto read = spool_.read(from, buffer_.data(), part); !read) return read;
      if (auto put = write_all(fd_, buffer_.data(), part, to, "the image"); !put) return put;
      steps_.advance(part);
      from += part;
      to += part;
      bytes -= part;
    }
    return {};
  }

  Status put_long_link(std::size_t index, ext2_inode_large& large) {
    const std::string& target = files_.all()[index].inode->target;
    auto ranges = take_blocks(index, 1);
    if (!ranges) return ranges.error();
    put_ranges(large, *ranges);
    return write_all(fd_, target.data(), target.size(), ranges->front().block * ext4_block, "the image");
  }

  Status put_folder(std::size_t index, ext2_inode_large& large) {
    const Numbered& each = files_.all()[index];
    static const std::string lost = "lost+found";
    std::vector<DirectoryEntry> entries;
    if (index == 0 && !own_lost_and_found_) entries.push_back({&lost, lost_and_found, FileType::directory});
    for (const auto& [name, entry] : each.inode->children) {
      entries.push_back({&name, numbers_[files_.index_of(entry.inode.get())], entry.inode->type});
    }
    auto blocks = directory_blocks(numbers_[index], numbers_[each.parent], entries);
    large.i_size = static_cast<std::uint32_t>(blocks.size() * ext4_block);
    auto ranges = take_blocks(index, blocks.size());
    if (!ranges) return ranges.error();
    if (auto mapped = put_map(index, large, *ranges); !mapped) return mapped;
    std::size_t next = 0;
    for (const Ext4Range& range : *ranges) {
      for (std::uint32_t i = 0; i < range.count; ++i, ++next) {
        const errcode_t wrong = ext2fs_write_dir_block4(fs_.get(), range.block + i, blocks[next].data(), 0, numbers_[index]);
        if (wrong != 0) return fault(files_.path(index), wrong);
      }
    }
    return {};
  }

  Status put_xattrs(std::size_t index) {
    ext2_xattr_handle* handle = nullptr;
    errcode_t wrong = ext2fs_xattrs_open(fs_.get(), numbers_[index], &handle);
    for (const auto& [name, value] : files_.all()[index].inode->xattrs) {
      if (wrong != 0) break;
      wrong = ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size());
      if (wrong != 0) {
        ext2fs_xattrs_close(&handle);
        return fault(files_.path(index), wrong).at("extended attribute " + in_quotes(name) + " of");
      }
    }
    if (handle != nullptr) ext2fs_xattrs_close(&handle);
    return wrong == 0 ? Status{} : fault(files_.path(index), wrong);
  }

  const Numbering& files_;
  Spool& spool_;
  int fd_;
  std::int64_t time_;
  Steps& steps_;
  std::vector<ext2_ino_t> numbers_;
  std::unique_ptr<struct_ext2_filsys, CloseFs> fs_;
  bool own_lost_and_found_ = false;
  blk64_t cursor_ = 0;
  std::vector<char> buffer_ = std::vector<char>(copy_size);
};

}  // namespace

Status fill_ext4(const Numbering& files, Spool& spool, const std::string& image, int fd, std::int64_t time, Steps& steps) {
  initialize_ext2_error_table();
  return Filling(files, spool, fd, time, steps).run(image);
}

}  // namespace neonvm::builder
