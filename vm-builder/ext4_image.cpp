#include "vm-builder/ext4_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vm-builder/digest.hpp"
#include "vm-builder/ext4_filling.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"
#include "vm-builder/program.hpp"

namespace neonvm::builder {
namespace {

constexpr std::uint64_t block = 4096, inode_size = 256;
constexpr std::uint64_t spare_inodes = 4096;
constexpr std::uint64_t bytes_per_inode = 16384;  // as mke2fs: what a disk that grows is likely to need
// Named one by one, because mke2fs.conf may differ from host to host.
constexpr const char* features =
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,"
    "dir_nlink,extra_isize,metadata_csum";

// Of files, directories, long links and attributes.
std::uint64_t content_blocks(const Numbering& files) {
  std::uint64_t blocks = 0;
  for (const Numbered& each : files.all()) {
    const Inode& inode = *each.inode;
    if (inode.type == FileType::regular) blocks += (inode.size + block - 1) / block;
    if (inode.type == FileType::symlink && inode.target.size() >= 60) ++blocks;
    if (inode.type == FileType::directory) blocks += 1 + (inode.children.size() * 24) / block;
    if (!inode.xattrs.empty()) ++blocks;
  }
  return blocks;
}

// mke2fs(8): the journal by the number of blocks.
std::uint64_t journal_megabytes(std::uint64_t size) {
  if (size < 512 * mib) return 8;
  if (size < gib) return 16;
  return size < 2 * gib ? 32 : 64;
}

std::uint64_t inode_count(const Numbering& files, std::uint64_t size) {
  return std::max<std::uint64_t>(files.all().size() + spare_inodes, size / bytes_per_inode);
}

// Contents, inode tables, journal, and a hundredth for bitmaps, descriptors and room for the resize inode.
std::uint64_t needed(const Numbering& files, std::uint64_t size) {
  const std::uint64_t parts =
      content_blocks(files) * block + inode_count(files, size) * inode_size + journal_megabytes(size) * mib;
  return parts + parts / 100 + 4 * mib;
}

Environment steady_environment(const Ext4Plan& plan) {
  // A time of 0 means "now" to libext2fs.
  return {{"MKE2FS_CONFIG", "/dev/null"},
          {"E2FSPROGS_FAKE_TIME", std::to_string(std::max<std::int64_t>(plan.time, 1))},
          {"LC_ALL", "C"}};
}

}  // namespace

std::string uuid_of(const std::string& text) {
  std::string hex = sha256_of(text).substr(7, 32);
  hex[12] = '8';
  hex[16] = "89ab"[static_cast<unsigned>(hex[16]) % 4];
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) hex.insert(dash, "-");
  return hex;
}

Result<Bytes> ext4_size(const Numbering& files, const Ext4Plan& plan) {
  if (plan.size.value != 0) {
    const Bytes size = round_down(plan.size, block);
    const std::uint64_t least = needed(files, size.value);
    if (size.value >= least) return size;
    return Error{Code::invalid_argument, "size " + to_string(plan.size) + " is too small: the files need " +
                                             to_string(round_up(Bytes{least}, mib)) + "; give that or more, or leave the size out"};
  }
  std::uint64_t size = needed(files, 0);
  for (int round = 0; round < 3; ++round) size = needed(files, size + size / 4 + 64 * mib);  // tables grow with it
  return round_up(Bytes{size + size / 4 + 64 * mib}, 16 * mib);
}

Status make_ext4(const Numbering& files, Spool& spool, const Ext4Plan& plan, const std::string& image, Steps& steps) {
  auto size = ext4_size(files, plan);
  if (!size) return size.error();
  UniqueFd fd(::open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error(in_quotes(image), errno);
  if (::ftruncate(fd.get(), static_cast<off_t>(size->value)) != 0) return errno_error(in_quotes(image), errno);
  const std::string extended = "hash_seed=" + uuid_of("hash " + plan.seed) + ",lazy_itable_init=0,lazy_journal_init=1,root_owner=0:0";
  const auto made = must_run({"mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-b", "4096", "-I", "256", "-m", "0",
                              "-L", plan.label, "-U", uuid_of(plan.seed), "-N", std::to_string(inode_count(files, size->value)),
                              "-J", "size=" + std::to_string(journal_megabytes(size->value)), "-E", extended, image},
                             "e2fsprogs", steady_environment(plan));
  if (!made) return made;
  if (auto filled = fill_ext4(files, spool, image, fd.get(), plan.time, steps); !filled) return filled;
  if (!plan.project_quota) return {};
  return must_run({"tune2fs", "-O", "project,quota", "-Q", "prjquota", image}, "e2fsprogs", steady_environment(plan));
}

}  // namespace neonvm::builder
