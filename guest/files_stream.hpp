// FilesStream: all files of a mount from the host, which take the place of those before in one step.
//
// Called by guest/streams. Threads: loop thread; files are written on a worker. Until the last byte has come everything is
// only in memory, and a stream that ends before leaves nothing. Failure: finished() with the file and the reason.
#pragma once

#include <memory>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/file_generations.hpp"
#include "guest/host_stream.hpp"

namespace neonvm::guest {

class FilesStream : public HostStream {
 public:
  FilesStream(runtime::Loop& loop, wire::PutFiles order, std::string folder, FileOwner owner, StreamExits exits);
  void data(const wire::StreamData& data) override;
  void acknowledged(const wire::Ack&) override {}

 private:
  void end(wire::Reply reply);

  runtime::Loop& loop_;
  wire::PutFiles order_;
  std::string folder_;
  FileOwner owner_;
  StreamExits exits_;
  std::string text_;
  bool over_ = false;
  std::shared_ptr<FilesStream*> self_;
};

}  // namespace neonvm::guest
