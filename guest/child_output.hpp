// ChildOutput: what a child says on one pipe, read to its end so that it is never held up, of which the beginning is kept.
//
// Called by guest/health_check and guest/hook_run. Threads: loop thread; nothing blocks. What a process that the child left
// in the background may still write is not waited for: finish() takes what is there. Several may write `into` one text,
// which lives longer than they.
#pragma once

#include <cstddef>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

class ChildOutput {
 public:
  // most: bytes of `into`.
  ChildOutput(std::string& into, std::size_t most) : into_(into), most_(most) {}
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  // pipe: non-blocking.
  void follow(runtime::Loop& loop, Fd pipe);
  // The child has ended. Without a pipe nothing happens.
  void finish();

 private:
  // False: there may come more.
  bool read_on();
  void close();

  std::string& into_;
  std::size_t most_;
  Fd pipe_;
  runtime::FdWatch watch_;
};

}  // namespace neonvm::guest
