// Spool: the contents of all files of an image, one after another, in a file without a name.
//
// Filled by layer readers, read by the file-system makers. One thread. Goes with its owner, also when that is killed.
// Failure: out_of_capacity when the disk is full.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "vm-builder/unique_fd.hpp"

namespace neonvm::builder {

class Spool {
 public:
  static Result<Spool> in_folder(const std::string& folder);
  Spool(Spool&&) = default;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  Status append(std::string_view data);
  // The bytes at `offset`; all of them must have been appended.
  Status read(std::uint64_t offset, char* into, std::size_t size);
  Result<std::string> text(std::uint64_t offset, std::uint64_t size);

 private:
  Spool(UniqueFd fd, std::string folder);
  Status flush();

  UniqueFd fd_;
  std::string folder_;
  std::string waiting_;  // not yet written
  std::uint64_t size_ = 0;
};

}  // namespace neonvm::builder
