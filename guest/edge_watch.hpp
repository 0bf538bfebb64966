// EdgeWatch: the changes of one descriptor, each told once, on the loop.
//
// Called by guest/port_stream. A virtio-serial port whose host end is closed is readable and hung up without pause;
// level-triggered watching would spin. So the descriptor sits edge-triggered in an epoll of its own, and the loop watches
// that one. Threads: loop thread. Lifetime: ends on destruction; the descriptor stays the caller's. Failure: open() says why.
#pragma once

#include <cstdint>
#include <functional>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

class EdgeWatch {
 public:
  // events: EPOLLIN, EPOLLOUT, …; the first call comes at once with what already holds.
  Status open(runtime::Loop& loop, int fd, std::uint32_t events, std::function<void(std::uint32_t)> changed);

 private:
  void read();

  Fd epoll_;
  std::function<void(std::uint32_t)> changed_;
  runtime::FdWatch watch_;
};

}  // namespace neonvm::guest
