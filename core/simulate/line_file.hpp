// LineFile: a text file, gzip or plain, read line by line in bounded memory.
//
// Used by the importers. Threads: one. Failure: not_found for a file that cannot be opened; invalid_argument with file
// and line for a line above `most_line`, a NUL, and for gzip that is damaged or ends too early.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::simulate {

class LineFile {
 public:
  static constexpr std::size_t most_line = 64 * 1024;

  static Result<LineFile> open(const std::string& path);
  // The next line without its end, or false behind the last one. The view lives until the next call.
  Result<bool> next(std::string_view& line);
  [[nodiscard]] std::uint64_t number() const { return number_; }   // of the line last read, from 1
  [[nodiscard]] const std::string& path() const { return path_; }
  // Bytes of the file, as it lies there, that have been read.
  [[nodiscard]] double read_so_far() const;
  // "file:line:column: " + what is wrong there; column from 1, 0: none.
  [[nodiscard]] Error wrong(std::size_t column, const std::string& what) const;

 private:
  struct Close {
    void operator()(void* file) const;
  };
  explicit LineFile(std::string path, void* file) : path_(std::move(path)), file_(file) {}
  // More bytes behind those not yet given out; false: there are none.
  Result<bool> fill();

  std::string path_;
  std::unique_ptr<void, Close> file_;
  std::string buffer_ = std::string(4 * most_line, '\0');
  std::size_t begin_ = 0, end_ = 0;     // of what was read and not yet given out
  std::uint64_t number_ = 0;
};

}  // namespace neonvm::simulate
