// Layers that nobody made: two of them over a small base. Whatever comes, what is taken can be read back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "vm-builder/tar_layer.hpp"

namespace {

using namespace neonvm::builder;

void read_back(const Inode& inode, Spool& spool, int depth) {
  if (depth > 600 || inode.data + inode.size > spool.size()) std::abort();
  if (inode.type == FileType::regular && !spool.text(inode.data, inode.size)) std::abort();
  for (const auto& [name, entry] : inode.children) {
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) std::abort();
    read_back(*entry.inode, spool, depth + 1);
  }
}

Inode link_to(const char* target) {
  Inode inode;
  inode.type = FileType::symlink;
  inode.target = target;
  return inode;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto spool = Spool::in_folder("/tmp");
  if (!spool) return 0;
  Tree tree({.entries = 200, .bytes = 1 << 20, .depth = 32});
  tree.begin_layer("base");
  if (!tree.add("lib", link_to("usr/lib")) || !tree.add("out", link_to("../.."))) std::abort();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t half = size < 1024 ? size : size / 1024 / 2 * 1024;
  (void)read_tar_bytes("one", bytes.substr(0, half), tree, *spool);
  (void)read_tar_bytes("two", bytes.substr(half), tree, *spool);
  read_back(tree.root(), *spool, 0);
  return 0;
}
