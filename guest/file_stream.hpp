// PutStream, GetStream: a file from the host, a file to the host.
//
// Called by guest/streams. Threads: loop thread; reading and writing happen on a worker, because a slow disk blocks. A put
// is written beside its goal and renamed at the end, so that nobody sees half a file, and the temporary one goes away when
// the stream does. Failure: finished() with the path and the reason; only regular files are taken.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"
#include "guest/host_stream.hpp"
#include "guest/stream_window.hpp"

namespace neonvm::guest {

// A file that is being written under another name. Shared with the worker that writes it.
class PartFile {
 public:
  static Result<std::shared_ptr<PartFile>> create(const std::string& goal, std::uint32_t mode);
  PartFile(Fd fd, std::string part, std::string goal) : fd_(std::move(fd)), part_(std::move(part)), goal_(std::move(goal)) {}
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  Status write(std::string_view bytes);
  Status finish();

 private:
  Fd fd_;
  std::string part_, goal_;
};

class PutStream : public HostStream {
 public:
  PutStream(runtime::Loop& loop, std::uint64_t id, std::shared_ptr<PartFile> file, StreamExits exits);
  void data(const wire::StreamData& data) override;
  void acknowledged(const wire::Ack&) override {}

 private:
  void write_next();
  void written(std::size_t bytes, const Status& status);
  void end(wire::Reply reply);

  runtime::Loop& loop_;
  std::uint64_t id_;
  std::shared_ptr<PartFile> file_;
  StreamExits exits_;
  std::string pending_;
  bool busy_ = false, ends_ = false, over_ = false;
  std::shared_ptr<PutStream*> self_;
};

class GetStream : public HostStream {
 public:
  GetStream(runtime::Loop& loop, std::uint64_t id, Fd file, std::string path, StreamExits exits);
  void start() { read_next(); }
  void data(const wire::StreamData&) override {}
  void acknowledged(const wire::Ack& ack) override;

 private:
  void read_next();
  void got(const Result<std::string>& bytes);

  runtime::Loop& loop_;
  std::uint64_t id_;
  std::shared_ptr<Fd> file_;
  std::string path_;
  StreamExits exits_;
  SendWindow window_;
  bool busy_ = false;
  std::shared_ptr<GetStream*> self_;
};

// Opens what `get` may read.
Result<Fd> open_for_get(const std::string& path);

}  // namespace neonvm::guest
