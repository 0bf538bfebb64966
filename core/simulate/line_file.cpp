#include "core/simulate/line_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <zlib.h>

namespace neonvm::simulate {
namespace {

gzFile as_gz(void* file) { return static_cast<gzFile>(file); }

}  // namespace

void LineFile::Close::operator()(void* file) const { gzclose_r(as_gz(file)); }

Result<LineFile> LineFile::open(const std::string& path) {
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rbe");
  if (file == nullptr) {
    return Error{Code::not_found, path + ": cannot be read: " + std::strerror(errno == 0 ? ENOMEM : errno)};
  }
  gzbuffer(file, 256 * 1024);
  return LineFile(path, file);
}

double LineFile::read_so_far() const { return static_cast<double>(std::max<z_off_t>(0, gzoffset(as_gz(file_.get())))); }

Error LineFile::wrong(std::size_t column, const std::string& what) const {
  std::string place = path_ + ":" + std::to_string(number_);
  if (column != 0) place += ":" + std::to_string(column);
  return Error{Code::invalid_argument, what}.at(place);
}

Result<bool> LineFile::fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= std::exchange(begin_, 0);
  const int got = gzread(as_gz(file_.get()), buffer_.data() + end_, static_cast<unsigned>(buffer_.size() - end_));
  int code = Z_OK;
  const char* why = gzerror(as_gz(file_.get()), &code);
  if (code != Z_OK && code != Z_STREAM_END) {
    if (code == Z_ERRNO) return Error{Code::unavailable, path_ + ": cannot be read: " + std::strerror(errno)};
    const bool cut = code == Z_BUF_ERROR;
    return wrong(0, cut ? "the gzip data ends too early; fetch the file again" : std::string("broken gzip data: ") + why);
  }
  if (got > 0) end_ += static_cast<std::size_t>(got);
  return got > 0;
}

Result<bool> LineFile::next(std::string_view& line) {
  ++number_;
  std::size_t looked = 0, length = 0;      // from begin_
  while (true) {
    const char* from = buffer_.data() + begin_;
    const void* end = std::memchr(from + looked, '\n', end_ - begin_ - looked);
    length = end != nullptr ? static_cast<std::size_t>(static_cast<const char*>(end) - from) : end_ - begin_;
    if (length > most_line) return wrong(0, "the line is longer than 64 KiB; is this a text file?");
    if (end != nullptr) break;
    looked = length;
    const auto more = fill();
    if (!more) return more.error();
    if (*more) continue;
    if (length == 0) return false;
    break;                                 // the last line has no end
  }
  line = std::string_view(buffer_.data() + begin_, length);
  begin_ = std::min(begin_ + length + 1, end_);
  const std::size_t zero = line.find('\0');
  if (zero != std::string_view::npos) return wrong(zero + 1, "there is a NUL byte; is this a text file?");
  while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return true;
}

}  // namespace neonvm::simulate
