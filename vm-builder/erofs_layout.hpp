// Private to vm-builder: where everything lies in an erofs, and its inodes and directories as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "vm-builder/numbering.hpp"

namespace neonvm::builder {

constexpr std::uint64_t erofs_block = 4096;

struct ErofsPlace {
  std::uint64_t at = 0;       // of the inode, in bytes from the beginning
  std::uint32_t head = 0;     // bytes of the inode and its attributes
  std::uint32_t tail = 0;     // bytes of data right behind them
  std::uint64_t size = 0;     // of the data
  std::uint64_t block = 0;    // of the data that is not in the tail
  [[nodiscard]] std::uint64_t nid() const { return at / 32; }
  [[nodiscard]] std::uint64_t blocks() const { return tail > 0 ? size / erofs_block : (size + erofs_block - 1) / erofs_block; }
};

class ErofsLayout {
 public:
  explicit ErofsLayout(const Numbering& files) : files_(files), places_(files.all().size()) {}

  // Failure: an attribute that erofs has no word for.
  Status plan();
  [[nodiscard]] const ErofsPlace& place(std::size_t index) const { return places_[index]; }
  [[nodiscard]] std::uint64_t first_data() const { return first_data_; }  // blocks
  [[nodiscard]] std::uint64_t end() const { return end_; }

  [[nodiscard]] std::string head(std::size_t index) const;       // inode and attributes
  [[nodiscard]] std::string directory(std::size_t index) const;  // the data of a directory
  [[nodiscard]] std::string super_block(const std::string& uuid, std::int64_t time) const;

 private:
  Result<std::string> attributes(std::size_t index) const;

  const Numbering& files_;
  std::vector<ErofsPlace> places_;
  std::uint64_t first_data_ = 0, end_ = 0;
};

}  // namespace neonvm::builder
