// Private to vm-builder: a tar as libarchive reads it, from a file or from memory, its bytes counted and digested.
//
// Names are taken as UTF-8 whatever the locale; while one of these lives, this thread's locale is C.UTF-8. One thread.
#pragma once

#include <locale.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"
#include "vm-builder/digest.hpp"
#include "vm-builder/steps.hpp"
#include "vm-builder/unique_fd.hpp"

struct archive;

namespace neonvm::builder {

class ArchiveInput {
 public:
  ArchiveInput(std::string path, Steps& steps);
  explicit ArchiveInput(std::string_view bytes) : bytes_(bytes) {}
  ~ArchiveInput();
  ArchiveInput(const ArchiveInput&) = delete;
  ArchiveInput& operator=(const ArchiveInput&) = delete;

  Status open();
  [[nodiscard]] archive* get() const { return archive_; }
  // What the file itself refused, apart from what is in it.
  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }
  // Reads what libarchive left unread, too.
  Result<std::string> digest_of_all();

 private:
  static long read_block(archive*, void* self, const void** block);
  long next(const void** block);

  std::string path_;
  Steps* steps_ = nullptr;
  std::string_view bytes_;
  UniqueFd fd_;
  std::vector<char> buffer_;
  Sha256 sum_;
  std::optional<Error> fault_;
  archive* archive_ = nullptr;
  locale_t utf8_ = nullptr, before_ = nullptr;
};

}  // namespace neonvm::builder
