// Numbering: every inode of a tree once, in the order in which it is written: a directory, then what is in it, names
// sorted. The same tree gives the same order, and so the same disk.
//
// Private to vm-builder. Borrows the tree. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "vm-builder/tree.hpp"

namespace neonvm::builder {

struct Numbered {
  const Inode* inode = nullptr;
  std::size_t parent = 0;             // index of the directory that it was first seen in
  const std::string* name = nullptr;  // the first of its names; nullptr: the root
  std::uint32_t links = 0;            // names; for a directory with "." and the ".." of those in it
};

class Numbering {
 public:
  explicit Numbering(const Tree& tree);

  [[nodiscard]] const std::vector<Numbered>& all() const { return all_; }
  [[nodiscard]] std::size_t index_of(const Inode* inode) const { return index_.at(inode); }
  [[nodiscard]] std::string path(std::size_t index) const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  // of all files

 private:
  void visit(const Inode& folder, std::size_t index);

  std::vector<Numbered> all_;
  std::unordered_map<const Inode*, std::size_t> index_;
  std::uint64_t bytes_ = 0;
};

}  // namespace neonvm::builder
