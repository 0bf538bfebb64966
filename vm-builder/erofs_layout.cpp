#include "vm-builder/erofs_layout.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::uint32_t inode_size = 64, attributes_head = 12, dirent_size = 12;
constexpr std::uint64_t slot = 32;  // inodes begin at multiples of it, and are numbered by it
constexpr std::uint16_t extended = 1, plain = 0, with_tail = 2;
constexpr std::uint32_t has_checksum = 1, has_mtime = 2;

void put(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
}

std::uint64_t round_to(std::uint64_t value, std::uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Castagnoli's polynomial, bit by bit: one block in the life of an image.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return crc;
}

std::pair<std::uint16_t, std::uint8_t> mode_and_type(FileType type) {
  switch (type) {
    case FileType::regular: return {S_IFREG, 1};
    case FileType::directory: return {S_IFDIR, 2};
    case FileType::char_device: return {S_IFCHR, 3};
    case FileType::block_device: return {S_IFBLK, 4};
    case FileType::fifo: return {S_IFIFO, 5};
    case FileType::symlink: return {S_IFLNK, 7};
  }
  return {0, 0};
}

constexpr std::pair<const char*, std::uint8_t> prefixes[] = {
    {"user.", 1}, {"system.posix_acl_access", 2}, {"system.posix_acl_default", 3}, {"trusted.", 4}, {"security.", 6}};

// Names of a directory with their numbers, "." and ".." among them, in the order of their bytes.
struct Name {
  std::string_view name;
  std::uint64_t nid;
  std::uint8_t type;
};

std::vector<std::string> blocks_of(const std::vector<Name>& names) {
  std::vector<std::string> blocks;
  for (std::size_t first = 0; first < names.size();) {
    std::size_t end = first, bytes = 0;
    while (end < names.size() && bytes + dirent_size + names[end].name.size() <= erofs_block) {
      bytes += dirent_size + names[end++].name.size();
    }
    std::string block, texts;
    std::size_t offset = (end - first) * dirent_size;
    for (std::size_t i = first; i < end; ++i) {
      put(block, names[i].nid, 8);
      put(block, offset + texts.size(), 2);
      put(block, names[i].type, 1);
      put(block, 0, 1);
      texts += names[i].name;
    }
    blocks.push_back(block + texts);
    if (end < names.size()) blocks.back().resize(erofs_block, '\0');
    first = end;
  }
  return blocks;
}

}  // namespace

Result<std::string> ErofsLayout::attributes(std::size_t index) const {
  const Inode& inode = *files_.all()[index].inode;
  std::string entries;
  for (const auto& [name, value] : inode.xattrs) {
    const auto* known = std::find_if(std::begin(prefixes), std::end(prefixes),
                                     [&name = name](const auto& each) { return name.starts_with(each.first); });
    const std::string rest = known == std::end(prefixes) ? name : name.substr(std::string_view(known->first).size());
    if (known == std::end(prefixes) || rest.size() > 255 || value.size() > 65535) {
      return Error{Code::invalid_argument, in_quotes(files_.path(index)) + ": erofs cannot hold the extended attribute " + in_quotes(name)};
    }
    put(entries, rest.size(), 1);
    put(entries, known->second, 1);
    put(entries, value.size(), 2);
    entries += rest + value;
    entries.resize(round_to(entries.size(), 4), '\0');
  }
  return entries.empty() ? entries : std::string(attributes_head, '\0') + entries;
}

Status ErofsLayout::plan() {
  std::uint64_t at = erofs_block;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    auto xattrs = attributes(i);
    if (!xattrs) return xattrs.error();
    const Inode& inode = *files_.all()[i].inode;
    ErofsPlace& here = places_[i];
    here.head = inode_size + static_cast<std::uint32_t>(xattrs->size());
    here.size = inode.type == FileType::symlink ? inode.target.size() : inode.type == FileType::regular ? inode.size : 0;
    if (inode.type == FileType::directory) here.size = directory(i).size();
    const auto rest = static_cast<std::uint32_t>(here.size % erofs_block);
    if (here.head + rest <= erofs_block) here.tail = rest;
    // Neither an inode nor its tail may cross a block.
    const std::uint64_t whole = here.head + here.tail;
    if (at % erofs_block + whole > erofs_block) at = round_to(at, erofs_block);
    here.at = at;
    at = round_to(at + whole, slot);
  }
  end_ = first_data_ = round_to(at, erofs_block) / erofs_block;
  for (ErofsPlace& here : places_) {
    here.block = end_;
    end_ += here.blocks();
  }
  return {};
}

std::string ErofsLayout::head(std::size_t index) const {
  const Numbered& each = files_.all()[index];
  const Inode& inode = *each.inode;
  const ErofsPlace& here = places_[index];
  const std::string xattrs = attributes(index).value_or("");
  const bool device = inode.type == FileType::char_device || inode.type == FileType::block_device;
  const std::uint32_t number = (inode.minor & 0xffU) | (inode.major << 8U) | ((inode.minor & ~0xffU) << 12U);
  std::string bytes;
  put(bytes, static_cast<std::uint64_t>(extended | ((here.tail > 0 ? with_tail : plain) << 1)), 2);
  put(bytes, xattrs.empty() ? 0 : 1 + (xattrs.size() - attributes_head) / 4, 2);
  put(bytes, mode_and_type(inode.type).first | inode.mode, 2);
  put(bytes, 0, 2);
  put(bytes, here.size, 8);
  put(bytes, device ? number : here.blocks() > 0 ? here.block : ~0ULL, 4);
  put(bytes, index + 1, 4);
  put(bytes, inode.uid, 4);
  put(bytes, inode.gid, 4);
  put(bytes, static_cast<std::uint64_t>(inode.mtime), 8);
  put(bytes, inode.mtime_ns, 4);
  put(bytes, each.links, 4);
  bytes.resize(inode_size, '\0');
  return bytes + xattrs;
}

std::string ErofsLayout::directory(std::size_t index) const {
  const Numbered& each = files_.all()[index];
  std::vector<Name> names = {{".", places_[index].nid(), 2}, {"..", places_[each.parent].nid(), 2}};
  for (const auto& [name, entry] : each.inode->children) {
    names.push_back({name, places_[files_.index_of(entry.inode.get())].nid(), mode_and_type(entry.inode->type).second});
  }
  std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.name < b.name; });
  std::string data;
  for (const std::string& block : blocks_of(names)) data += block;
  return data;
}

std::string ErofsLayout::super_block(const std::string& uuid, std::int64_t time) const {
  std::string bytes;
  put(bytes, 0xe0f5e1e2, 4);
  put(bytes, 0, 4);  // the checksum
  put(bytes, has_checksum | has_mtime, 4);
  put(bytes, 12, 1);  // 2^12 bytes a block
  put(bytes, 0, 1);
  put(bytes, places_.front().nid(), 2);
  put(bytes, places_.size(), 8);
  put(bytes, static_cast<std::uint64_t>(time), 8);
  put(bytes, 0, 4);
  put(bytes, end_, 4);
  put(bytes, 0, 8);  // inodes are numbered from the beginning; no shared attributes
  for (std::size_t i = 0; i < uuid.size(); i += uuid[i] == '-' ? 1 : 2) {
    if (uuid[i] != '-') bytes += static_cast<char>(std::stoi(uuid.substr(i, 2), nullptr, 16));
  }
  bytes += "vmroot";
  bytes.resize(erofs_block - 1024, '\0');
  std::string sum;
  put(sum, crc32c(bytes), 4);
  return bytes.replace(4, 4, sum);
}

}  // namespace neonvm::builder
