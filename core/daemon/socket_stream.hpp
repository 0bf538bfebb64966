// SocketStream: bytes to and from a Unix socket that may not be there yet and may go away: it comes back by itself.
//
// Used by the runner for QEMU's character devices (guest port, console). Loop thread only; callbacks on it too.
// Failure: a connection that fails or ends is tried again after 100 ms doubling to 2 s; bytes queued for the old
// connection are dropped, because the other side would see them cut.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

class SocketStream {
 public:
  struct Callbacks {
    std::function<void()> opened;
    std::function<void(std::string_view)> bytes;
    std::function<void(const std::string& why)> lost;
  };

  SocketStream(runtime::Loop& loop, std::string path, Callbacks callbacks);
  ~SocketStream();
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  void start();
  void stop();
  // Queues; dropped while not open.
  void write(std::string_view bytes);
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  [[nodiscard]] std::size_t queued() const { return out_.size() - written_; }

 private:
  void try_connect();
  void close_with(const std::string& why);
  void readable();
  void flush();

  runtime::Loop& loop_;
  std::string path_;
  Callbacks callbacks_;
  int fd_ = -1;
  bool running_ = false;
  Duration backoff_{};
  std::string out_;
  std::size_t written_ = 0;
  runtime::Timer retry_;
  runtime::FdWatch read_watch_, write_watch_;
  bool watching_write_ = false;
};

}  // namespace neonvm::daemon
