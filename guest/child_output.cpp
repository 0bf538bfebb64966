#include "guest/child_output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace neonvm::guest {

void ChildOutput::follow(runtime::Loop& loop, Fd pipe) {
  pipe_ = std::move(pipe);
  watch_ = loop.watch_readable(pipe_.get(), [this] {
    if (read_on()) close();
  });
}

void ChildOutput::finish() {
  if (pipe_.valid()) read_on();
  close();
}

bool ChildOutput::read_on() {
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(pipe_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) return true;
    into_.append(buffer, std::min(static_cast<std::size_t>(got), most_ - std::min(into_.size(), most_)));
  }
}

void ChildOutput::close() {
  watch_ = runtime::FdWatch();
  pipe_.reset();
}

}  // namespace neonvm::guest
