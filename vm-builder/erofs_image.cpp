#include "vm-builder/erofs_image.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "vm-builder/erofs_layout.hpp"
#include "vm-builder/ext4_image.hpp"
#include "vm-builder/file_io.hpp"
#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

constexpr std::size_t copy_size = 1 << 20;

// Writes at growing places, in large pieces.
class Output {
 public:
  Output(int fd, const std::string& path) : fd_(fd), path_(path) {}

  Status put(std::uint64_t at, std::string_view bytes) {
    if (at != begin_ + waiting_.size()) {
      if (auto flushed = flush(); !flushed) return flushed;
      begin_ = at;
    }
    waiting_ += bytes;
    return waiting_.size() >= copy_size ? flush() : Status{};
  }
  Status flush() {
    auto put = write_all(fd_, waiting_.data(), waiting_.size(), begin_, path_);
    begin_ += waiting_.size();
    waiting_.clear();
    return put;
  }

 private:
  int fd_;
  const std::string& path_;
  std::uint64_t begin_ = 0;
  std::string waiting_;
};

class Writing {
 public:
  Writing(const Numbering& files, const ErofsLayout& layout, Spool& spool, Output& out, Steps& steps)
      : files_(files), layout_(layout), spool_(spool), out_(out), steps_(steps) {}

  Status inode(std::size_t index) {
    const ErofsPlace& here = layout_.place(index);
    if (auto put = out_.put(here.at, layout_.head(index)); !put) return put;
    if (here.tail == 0) return {};
    auto bytes = data(index, here.size - here.tail, here.tail);
    if (!bytes) return bytes.error();
    steps_.advance(here.tail);
    return out_.put(here.at + here.head, *bytes);
  }

  Status blocks(std::size_t index) {
    const ErofsPlace& here = layout_.place(index);
    const std::uint64_t end = here.size - here.tail;
    for (std::uint64_t at = 0; at < end;) {
      const std::uint64_t part = std::min<std::uint64_t>(copy_size, end - at);
      auto bytes = data(index, at, part);
      if (!bytes) return bytes.error();
      if (auto put = out_.put(here.block * erofs_block + at, *bytes); !put) return put;
      steps_.advance(part);
      at += part;
    }
    return {};
  }

 private:
  Result<std::string> data(std::size_t index, std::uint64_t from, std::uint64_t size) {
    const Inode& inode = *files_.all()[index].inode;
    if (inode.type == FileType::regular) return spool_.text(inode.data + from, size);
    const std::string whole = inode.type == FileType::symlink ? inode.target : layout_.directory(index);
    return whole.substr(from, size);
  }

  const Numbering& files_;
  const ErofsLayout& layout_;
  Spool& spool_;
  Output& out_;
  Steps& steps_;
};

}  // namespace

Status make_erofs(const Numbering& files, Spool& spool, const ErofsPlan& plan, const std::string& image, Steps& steps) {
  ErofsLayout layout(files);
  if (auto planned = layout.plan(); !planned) return planned;
  const UniqueFd fd(::open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd.valid()) return errno_error(in_quotes(image), errno);
  if (::ftruncate(fd.get(), static_cast<off_t>(layout.end() * erofs_block)) != 0) return errno_error(in_quotes(image), errno);
  Output out(fd.get(), image);
  if (auto put = out.put(1024, layout.super_block(uuid_of(plan.seed), plan.time)); !put) return put;
  Writing writing(files, layout, spool, out, steps);
  for (std::size_t i = 0; i < files.all().size(); ++i) {
    if (auto put = writing.inode(i); !put) return put;
  }
  for (std::size_t i = 0; i < files.all().size(); ++i) {
    if (auto put = writing.blocks(i); !put) return put;
  }
  return out.flush();
}

}  // namespace neonvm::builder
