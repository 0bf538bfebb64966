// ChildProcess: one command of the host, started with pipes or on a terminal, watched through a pidfd.
//
// Called by guest/exec_stream. Threads: loop thread. Lifetime: a child that is still running when this goes is sent SIGHUP
// with its group, as when a terminal is closed, and reaped by nobody: destroy only after exited(), or hand it to the
// keeper (guest/streams). Failure: start_child() says which program cannot be run and why; nothing is left behind then.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"
#include "guest/process_setup.hpp"

namespace neonvm::guest {

struct ChildOrder {
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;   // added to PATH, HOME and, on a terminal, TERM
  bool tty = false;
  std::uint16_t rows = 24, columns = 80;
  std::optional<Owner> owner = {};     // none: ours
  std::string workdir = {};                 // empty, or not there: ours
};

// Our ends, non-blocking. On a terminal input and output are the same descriptor and there is no error.
struct ChildPipes {
  Fd input, output, error;
};

class ChildProcess {
 public:
  ChildProcess(pid_t pid, Fd pidfd, bool tty) : pid_(pid), pidfd_(std::move(pidfd)), tty_(tty) {}
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Called once, with the exit code: 128 + signal as a shell says it.
  void on_exit(runtime::Loop& loop, std::function<void(int)> exited);
  // To the whole group; `terminal` is asked who is in front there.
  void signal(int number, int terminal = -1) const;

 private:
  void reap();

  pid_t pid_;
  Fd pidfd_;
  bool tty_;
  bool running_ = true;
  std::function<void(int)> exited_;
  runtime::FdWatch watch_;
};

struct StartedChild {
  std::unique_ptr<ChildProcess> process;
  ChildPipes pipes;
};
Result<StartedChild> start_child(const ChildOrder& order);

}  // namespace neonvm::guest
