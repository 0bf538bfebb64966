#include "vm-builder/spool.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <cerrno>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {
constexpr std::size_t write_size = 1 << 20;
}

Spool::Spool(UniqueFd fd, std::string folder) : fd_(std::move(fd)), folder_(std::move(folder)) {
  waiting_.reserve(2 * write_size);
}

Result<Spool> Spool::in_folder(const std::string& folder) {
  // Not O_TMPFILE: some file systems do not have it.
  std::string name = folder + "/spool-XXXXXX";
  UniqueFd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error(in_quotes(folder), errno);
  ::unlink(name.c_str());
  return Spool(std::move(fd), folder);
}

Status Spool::flush() {
  if (waiting_.empty()) return {};
  auto written = write_all(fd_.get(), waiting_.data(), waiting_.size(), size_ - waiting_.size(), folder_);
  waiting_.clear();
  return written;
}

Status Spool::append(std::string_view data) {
  waiting_ += data;
  size_ += data.size();
  return waiting_.size() >= write_size ? flush() : Status{};
}

Status Spool::read(std::uint64_t offset, char* into, std::size_t size) {
  if (offset + size > size_ - waiting_.size()) {
    if (auto flushed = flush(); !flushed) return flushed;
  }
  while (size > 0) {
    const ssize_t got = ::pread(fd_.get(), into, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return errno_error(in_quotes(folder_), got < 0 ? errno : EIO);
    into += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<std::string> Spool::text(std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  if (auto done = read(offset, bytes.data(), bytes.size()); !done) return done.error();
  return bytes;
}

}  // namespace neonvm::builder
