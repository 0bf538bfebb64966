// file_text: whole small files of /proc and /sys, read and written in one system call each.
//
// Called by guest only. Blocking, but these files are the kernel's memory. Failure: a Result that names the path and
// errno's text.
#pragma once

#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::guest {

// errno as an Error: ENOENT not_found, EACCES/EPERM permission_denied, EBUSY/EAGAIN unavailable, else internal.
Error errno_error(std::string_view what, int number);

Result<std::string> read_text(const std::string& path);
Status write_text(const std::string& path, std::string_view text);

// Owns a descriptor. Move-only.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

}  // namespace neonvm::guest
