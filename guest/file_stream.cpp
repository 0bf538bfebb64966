#include "guest/file_stream.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace neonvm::guest {
namespace {

// A goal that is a symbolic link keeps being one: what it points to is replaced.
std::string resolved(const std::string& path) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(path, failed);
  return failed ? path : real.string();
}

Result<std::string> read_chunk(int fd, std::size_t room, const std::string& path) {
  std::string bytes(room, '\0');
  ssize_t got = -1;
  do {
    got = ::read(fd, bytes.data(), bytes.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error(path, errno);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace

Result<std::shared_ptr<PartFile>> PartFile::create(const std::string& goal, std::uint32_t mode) {
  const std::string real = resolved(goal);
  if (real.empty() || real.back() == '/') return Error{Code::invalid_argument, "'" + goal + "' does not name a file"};
  struct stat facts {};
  if (::stat(real.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {
    return Error{Code::invalid_argument, goal + " exists and is not a regular file; name a file in it or beside it"};
  }
  const std::size_t slash = real.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : real.substr(0, slash + 1);
  std::string part = folder + ".neonvm-put-XXXXXX";
  Fd fd(::mkostemp(part.data(), O_CLOEXEC));
  if (!fd.valid()) return errno_error(goal, errno);
  auto file = std::make_shared<PartFile>(std::move(fd), part, real);
  if (::fchmod(file->fd_.get(), mode & 07777) != 0) return errno_error(goal, errno);
  return file;
}

PartFile::~PartFile() {
  if (!part_.empty()) ::unlink(part_.c_str());
}

Status PartFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error(goal_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status PartFile::finish() {
  // Some file systems report a full disk only now.
  if (::close(fd_.release()) != 0) return errno_error(goal_, errno);
  if (std::rename(part_.c_str(), goal_.c_str()) != 0) return errno_error(goal_, errno);
  part_.clear();
  return {};
}

PutStream::PutStream(runtime::Loop& loop, std::uint64_t id, std::shared_ptr<PartFile> file, StreamExits exits)
    : loop_(loop),
      id_(id),
      file_(std::move(file)),
      exits_(std::move(exits)),
      self_(std::make_shared<PutStream*>(this)) {}

void PutStream::data(const wire::StreamData& data) {
  if (data.stream != wire::Stream::file || ends_ || over_) return;
  if (pending_.size() + data.bytes.size() > wire::stream_window) {
    return end(refusal(id_, "more than a window of data was sent without waiting"));
  }
  pending_ += data.bytes;
  ends_ = data.end;
  write_next();
}

void PutStream::write_next() {
  if (busy_ || over_ || (pending_.empty() && !ends_)) return;
  busy_ = true;
  const bool last = ends_;
  std::weak_ptr<PutStream*> self = self_;
  auto bytes = std::make_shared<const std::string>(std::move(pending_));
  pending_.clear();
  loop_.off_loop(
      [file = file_, bytes, last] {
        const Status status = file->write(*bytes);
        return status && last ? file->finish() : status;
      },
      [self, bytes, last](const Status& status) {
        const auto alive = self.lock();
        if (!alive) return;
        PutStream& put = **alive;
        put.busy_ = false;
        if (status && last) return put.end(consent_to(put.id_));
        put.written(bytes->size(), status);
      });
}

void PutStream::written(std::size_t bytes, const Status& status) {
  if (!status) return end(refusal(id_, status.error().message));
  if (bytes > 0) exits_.send(wire::Ack{id_, wire::Stream::file, bytes});
  write_next();
}

void PutStream::end(wire::Reply reply) {
  if (over_) return;
  over_ = true;
  exits_.finished(std::move(reply));
}

Result<Fd> open_for_get(const std::string& path) {
  // Without O_NONBLOCK the open of a FIFO would wait for a writer.
  Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(path, errno);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return errno_error(path, errno);
  if (!S_ISREG(facts.st_mode)) return Error{Code::invalid_argument, path + " is not a regular file"};
  return fd;
}

GetStream::GetStream(runtime::Loop& loop, std::uint64_t id, Fd file, std::string path, StreamExits exits)
    : loop_(loop),
      id_(id),
      file_(std::make_shared<Fd>(std::move(file))),
      path_(std::move(path)),
      exits_(std::move(exits)),
      self_(std::make_shared<GetStream*>(this)) {}

void GetStream::acknowledged(const wire::Ack& ack) {
  window_.acknowledged(ack.bytes);
  read_next();
}

void GetStream::read_next() {
  const std::size_t room = window_.room();
  if (busy_ || room == 0 || !exits_.finished) return;
  busy_ = true;
  std::weak_ptr<GetStream*> self = self_;
  loop_.off_loop([file = file_, room, path = path_] { return read_chunk(file->get(), room, path); },
                 [self](const Result<std::string>& bytes) {
                   if (const auto alive = self.lock()) (*alive)->got(bytes);
                 });
}

void GetStream::got(const Result<std::string>& bytes) {
  busy_ = false;
  const bool end = !bytes || bytes->empty();
  if (bytes) {
    window_.sent(bytes->size());
    exits_.send(wire::StreamData{id_, wire::Stream::file, *bytes, end});
  }
  if (!end) return read_next();
  const auto finished = std::move(exits_.finished);
  exits_.finished = nullptr;
  finished(bytes ? consent_to(id_) : refusal(id_, bytes.error().message));
}

}  // namespace neonvm::guest
