#include "vm-builder/numbering.hpp"

namespace neonvm::builder {

Numbering::Numbering(const Tree& tree) {
  all_.push_back({&tree.root(), 0, nullptr, 2});
  index_[&tree.root()] = 0;
  visit(tree.root(), 0);
}

void Numbering::visit(const Inode& folder, std::size_t index) {
  for (const auto& [name, entry] : folder.children) {
    const auto [found, fresh] = index_.emplace(entry.inode.get(), all_.size());
    if (!fresh) {
      ++all_[found->second].links;
      continue;
    }
    const bool is_folder = entry.inode->type == FileType::directory;
    all_.push_back({entry.inode.get(), index, &name, is_folder ? 2U : 1U});
    bytes_ += entry.inode->type == FileType::regular ? entry.inode->size : 0;
    if (!is_folder) continue;
    ++all_[index].links;
    visit(*entry.inode, all_.size() - 1);
  }
}

std::string Numbering::path(std::size_t index) const {
  std::string path;
  for (; index != 0; index = all_[index].parent) path.insert(0, "/" + *all_[index].name);
  return path.empty() ? "/" : path;
}

}  // namespace neonvm::builder
