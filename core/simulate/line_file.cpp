#include "core/simulate/line_file.hpp"

#include <cerrno>
#include <cstring>
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

Error LineFile::wrong(std::size_t column, const std::string& what) const {
  std::string place = path_ + ":" + std::to_string(number_);
  if (column != 0) place += ":" + std::to_string(column);
  return Error{Code::invalid_argument, what}.at(place);
}

Result<bool> LineFile::next(std::string_view& line) {
  // A NUL would end the text early, so the end is looked for from behind.
  std::memset(buffer_.data(), '\n', buffer_.size());
  const bool more = gzgets(as_gz(file_.get()), buffer_.data(), static_cast<int>(buffer_.size())) != nullptr;
  ++number_;
  int code = Z_OK;
  const char* why = gzerror(as_gz(file_.get()), &code);
  if (code != Z_OK && code != Z_STREAM_END) {
    const bool cut = code == Z_BUF_ERROR;
    return wrong(0, cut ? "the gzip data ends too early; fetch the file again" : std::string("broken gzip data: ") + why);
  }
  if (!more) return false;
  std::size_t length = std::strlen(buffer_.data());
  if (length == buffer_.size() - 1 && buffer_[length - 1] != '\n') return wrong(0, "the line is longer than 64 KiB; is this a text file?");
  const bool ended = length > 0 && buffer_[length - 1] == '\n';
  if (!ended && gzeof(as_gz(file_.get())) == 0) return wrong(length + 1, "there is a NUL byte; is this a text file?");
  while (length > 0 && (buffer_[length - 1] == '\n' || buffer_[length - 1] == '\r')) --length;
  line = std::string_view(buffer_.data(), length);
  return true;
}

}  // namespace neonvm::simulate
