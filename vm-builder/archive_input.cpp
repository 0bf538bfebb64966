#include "vm-builder/archive_input.hpp"

#include <archive.h>
#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {
constexpr std::size_t block_size = 1 << 18;
}

ArchiveInput::ArchiveInput(std::string path, Steps& steps) : path_(std::move(path)), steps_(&steps), buffer_(block_size) {}

ArchiveInput::~ArchiveInput() {
  if (archive_ != nullptr) archive_read_free(archive_);
  if (utf8_ != nullptr) {
    ::uselocale(before_);
    ::freelocale(utf8_);
  }
}

Status ArchiveInput::open() {
  utf8_ = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (utf8_ != nullptr) before_ = ::uselocale(utf8_);
  if (!path_.empty()) {
    auto fd = open_to_read(path_);
    if (!fd) return fd.error();
    fd_ = std::move(*fd);
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  archive_ = archive_read_new();
  archive_read_support_format_tar(archive_);
  archive_read_support_filter_gzip(archive_);
  archive_read_support_filter_zstd(archive_);
  archive_read_support_filter_xz(archive_);
  if (archive_read_open(archive_, this, nullptr, &ArchiveInput::read_block, nullptr) == ARCHIVE_OK) return {};
  if (fault_) return *fault_;
  const char* why = archive_error_string(archive_);
  return Error{Code::invalid_argument, std::string("is no tar that can be read: ") + (why == nullptr ? "unknown" : why)};
}

long ArchiveInput::read_block(archive*, void* self, const void** block) {
  return static_cast<ArchiveInput*>(self)->next(block);
}

long ArchiveInput::next(const void** block) {
  if (path_.empty()) {
    *block = bytes_.data();
    return static_cast<long>(std::exchange(bytes_, {}).size());
  }
  ssize_t got = 0;
  do {
    got = ::read(fd_.get(), buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    fault_ = errno_error(in_quotes(path_), errno);
    return -1;
  }
  sum_.add(buffer_.data(), static_cast<std::size_t>(got));
  steps_->advance(static_cast<std::uint64_t>(got));
  *block = buffer_.data();
  return got;
}

Result<std::string> ArchiveInput::digest_of_all() {
  const void* block = nullptr;
  while (next(&block) > 0) {
  }
  if (fault_) return *fault_;
  return sum_.digest();
}

}  // namespace neonvm::builder
